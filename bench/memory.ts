/** Peak memory of a backup, and of one of ten times the data. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { writeTextTree } from './dump-like-text.ts';
import { holdfast } from './holdfast-command.ts';
import { measure } from './measure.ts';

export async function benchMemory(scratch: string): Promise<void> {
  console.log('peak memory of holdfast backup');
  for (const [title, fileCount, fileBytes] of [
    ['100 MB in 50 files', 50, 2_000_000],
    ['1 GB in 500 files', 500, 2_000_000],
    ['10 000 files of 4 KB', 10_000, 4096],
    ['100 000 files of 4 KB', 100_000, 4096],
  ] as const) {
    const tree = join(scratch, 'memory-tree');
    await writeTextTree(tree, fileCount, fileBytes);
    for (const compression of ['gzip:6', 'zstd:3']) {
      const vault = join(scratch, 'memory-vault');
      const { peakBytes, wallSeconds } = await measure({
        name: title,
        line: `${holdfast} backup ${tree} --to ${vault} --compression ${compression}`,
      });
      const peak = `${Math.round(peakBytes / 1024 / 1024)} MiB`;
      console.log(
        `  ${title.padEnd(24)} ${compression.padEnd(8)} peak ${peak.padStart(8)}  wall ${wallSeconds.toFixed(1)} s`,
      );
      await rm(vault, { recursive: true });
    }
    await rm(tree, { recursive: true });
  }
  console.log();
}
