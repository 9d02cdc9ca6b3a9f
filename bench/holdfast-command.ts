import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bundlePackage } from '../test/fixtures/bundled-package.ts';

const installed = mkdtempSync(join(tmpdir(), 'holdfast-bench-program-'));
process.on('exit', () => rmSync(installed, { recursive: true }));
bundlePackage(installed);

/** How the benchmarks call the program: as it is installed, made of the sources as they are. */
export const holdfast = `${process.execPath} ${join(installed, 'bin/holdfast.js')}`;
