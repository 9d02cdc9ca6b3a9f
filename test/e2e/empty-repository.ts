import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { HoldfastOptions } from './holdfast.ts';
import { holdfast, scratchFolder } from './scratch.ts';

export interface Place {
  readonly folder: string;
  readonly options: HoldfastOptions & { readonly cwd: string; readonly env: Readonly<Record<string, string>> };
}

/** A folder with a tree and an empty repository, which restic's variables name. */
export async function emptyRepository(t: TestContext): Promise<Place> {
  const folder = await scratchFolder(t);
  await mkdir(join(folder, 'tree/deep/er'), { recursive: true });
  await writeFile(join(folder, 'tree/a.txt'), 'a');
  await writeFile(join(folder, 'tree/b.tmp'), 'b');
  await writeFile(join(folder, 'tree/deep/er/c.txt'), 'c');
  await symlink('a.txt', join(folder, 'tree/link'));
  const env = { RESTIC_REPOSITORY: join(folder, 'repo'), RESTIC_PASSWORD: 'a-password-of-tests', HOME: folder };
  const options = { cwd: folder, env };
  await holdfast(['init'], options);
  return { folder, options };
}
