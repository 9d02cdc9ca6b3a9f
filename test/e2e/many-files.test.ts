import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { MiB } from '../../src/base/bytes.ts';
import { compareTrees } from '../fixtures/compare-trees.ts';
import { makeManyFiles } from '../fixtures/many-files.ts';
import { soakFactor } from '../soak-size.ts';
import { runWithPeakMemory } from './peak-memory.ts';
import { scratchFolder } from './scratch.ts';

const minutes = 60_000;
const mostMemoryBytes = 300 * MiB;

test(
  '100 000 files of all names and one of 5 GB come back equal, within 300 MiB of memory',
  { timeout: 15 * minutes },
  async (t) => {
    const folder = await scratchFolder(t);
    const [tree, vault, target] = [join(folder, 'tree'), join(folder, 'vault'), join(folder, 'restored')];
    makeManyFiles(tree, { count: 100_000, dense: soakFactor > 1 });
    const timeoutMs = 10 * minutes;

    const backup = await runWithPeakMemory(['backup', tree, '--to', vault, '--compression', 'zstd:1'], { timeoutMs });
    assert.equal(backup.status, 0, backup.stderr);

    const args = ['restore', 'latest', '--from', vault, '--target', target];
    const restore = await runWithPeakMemory(args, { timeoutMs });
    assert.equal(restore.status, 0, restore.stderr);
    await rm(vault, { recursive: true });
    assert.deepEqual((await compareTrees(tree, target)).slice(0, 20), []);
    assert.ok(restore.peakBytes < mostMemoryBytes, `the restore took ${restore.peakBytes / MiB} MiB`);
    assert.ok(backup.peakBytes < mostMemoryBytes, `the backup took ${backup.peakBytes / MiB} MiB`);
  },
);
