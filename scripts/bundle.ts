/**
 * Puts the program into dist/, or the folder given, a file for what is loaded together: Node.js takes a third of a millisecond for each file
 * that it loads, and a backup loads three hundred. Packages stay dependencies all the same, for their licences and for
 * whoever audits them.
 */
import { copyFileSync, globSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { rolldown } from 'rolldown';

const source = join(import.meta.dirname, '../src');
const target = process.argv[2] ?? join(import.meta.dirname, '../dist');

/** All that is not reached by an import: the program, the library, and what threads begin with. */
const entries = ['main.ts', 'vault/repository/library.ts', ...globSync('**/*-thread.ts', { cwd: source })];

rmSync(target, { recursive: true, force: true });
const bundle = await rolldown({
  input: Object.fromEntries(entries.map((file) => [basename(file, '.ts'), join(source, file)])),
  platform: 'node',
});
// Flat: threads and kernels are looked for beside the file that wants them.
await bundle.write({ dir: target, entryFileNames: '[name].js', chunkFileNames: '[name]-[hash].js' });
await bundle.close();
copyFileSync(join(source, 'vault/repository/kernels/kernels.wasm'), join(target, 'kernels.wasm'));
