/** The archive of a directory, beside tar and a compressor. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { writeTextTree } from './dump-like-text.ts';
import { compare } from './measure.ts';
import { holdfast } from './holdfast-command.ts';

/** 600 MB of dump-like text in 300 files, against `tar c | gzip -6` and `tar c | zstd -3`. */
export async function benchArchive(scratch: string): Promise<void> {
  const tree = join(scratch, 'tree');
  await writeTextTree(tree, 300, 2_000_000);
  const vault = join(scratch, 'vault');
  const prepare = (): Promise<void> => rm(vault, { recursive: true, force: true });
  for (const [compression, peer] of [
    ['gzip:6', 'gzip -6'],
    ['zstd:3', 'zstd -q -3'],
  ] as const)
    await compare(
      `archive of 600 MB dump-like text, ${compression}`,
      { name: `tar c | ${peer}`, line: `tar -C ${tree} -c . | ${peer} > ${join(scratch, 'peer.out')}` },
      [
        {
          name: `holdfast --compression ${compression}`,
          line: `${holdfast} backup ${tree} --to ${vault} --compression ${compression}`,
          prepare,
        },
      ],
    );
  await rm(tree, { recursive: true });
}
