import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { randomFillSync } from 'node:crypto';
import { MiB } from '../../src/base/bytes.ts';

/**
 * Makes a tree whose backup takes a moment and, on S3, more than one part: 12 MiB that no compression makes smaller,
 * and a few hundred small files. The file that comes last in the order of a backup is "z-last".
 */
export async function makeSmallTree(directory: string): Promise<void> {
  await mkdir(join(directory, 'many'), { recursive: true });
  for (let index = 0; index < 300; index += 1)
    await writeFile(join(directory, 'many', `file-${index}`), `small file ${index}\n`.repeat(index));
  await writeFile(join(directory, 'large'), randomFillSync(Buffer.alloc(11 * MiB)));
  await writeFile(join(directory, 'z-last'), randomFillSync(Buffer.alloc(MiB)));
}
