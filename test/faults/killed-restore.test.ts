import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { cp, mkdir, open, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { runHoldfast, startHoldfast } from '../e2e/holdfast.ts';
import { filesIn, holdfast, scratchFolder } from '../e2e/scratch.ts';
import { compareTrees } from '../fixtures/compare-trees.ts';
import { seededRandom } from '../servers/fault-proxy.ts';
import { seed, soakFactor } from '../soak-size.ts';
import { makeSmallTree } from './small-tree.ts';

const kills = 5 * soakFactor;
const random = seededRandom(seed);

let folder: string;
let tree: string;
let vault: string;
let durationMs: number;
const cleanups: (() => unknown)[] = [];

function restore(from: string, target: string, ...more: string[]): string[] {
  return ['restore', 'latest', '--from', from, '--target', target, ...more];
}

before(async () => {
  folder = await scratchFolder({ after: (clean) => cleanups.push(clean) });
  [tree, vault] = [join(folder, 'tree'), join(folder, 'vault')];
  await makeSmallTree(tree);
  await holdfast(['backup', tree, '--to', vault, '--compression', 'none']);
  const startedMs = performance.now();
  await holdfast(restore(vault, join(folder, 'first')));
  durationMs = performance.now() - startedMs;
});

after(async () => {
  for (const clean of cleanups) await clean();
});

async function killAtRandom(args: readonly string[]): Promise<void> {
  const running = startHoldfast(args);
  await delay(random() * durationMs);
  running.kill('SIGKILL');
  await running.ended;
}

test('a killed restore to a new folder leaves all of it or none, and the next one succeeds and tidies up', async (t) => {
  const scratch = await scratchFolder(t);
  const target = join(scratch, 'target');
  for (let round = 0; round < kills; round += 1) {
    await killAtRandom(restore(vault, target));
    if (!existsSync(target)) continue;
    assert.deepEqual(await compareTrees(tree, target), []);
    await rm(target, { recursive: true });
  }
  await holdfast(restore(vault, target));
  assert.deepEqual(await compareTrees(tree, target), []);
  assert.deepEqual(await readdir(scratch), ['target']);
});

test('a killed restore into a folder with files leaves each file old or new, and the next one tidies up', async (t) => {
  const scratch = await scratchFolder(t);
  const target = join(scratch, 'target');
  for (let round = 0; round < kills; round += 1) {
    await rm(target, { recursive: true, force: true });
    await mkdir(join(target, 'many'), { recursive: true });
    await writeFile(join(target, 'many/file-7'), 'old');
    await writeFile(join(target, 'mine'), 'mine');
    await killAtRandom(restore(vault, target, '--overwrite', 'always'));
    for (const name of (await filesIn(target)).filter((file) => !file.startsWith('.holdfast-restore-'))) {
      const { size } = await stat(join(target, name));
      if (name === 'mine' || (name === 'many/file-7' && size === 3)) continue;
      assert.equal(size, (await stat(join(tree, name))).size, name);
    }
    await holdfast(restore(vault, target, '--overwrite', 'always'));
    await rm(join(target, 'mine'));
    assert.deepEqual(await filesIn(target), await filesIn(tree));
  }
});

test('a restore of a damaged restore point, killed or not, never gives a file its final name', async (t) => {
  const scratch = await scratchFolder(t);
  const [damaged, target] = [join(scratch, 'vault'), join(scratch, 'target')];
  await cp(vault, damaged, { recursive: true });
  const artefact = (await filesIn(damaged)).find((name) => name.endsWith('.tar')) ?? '';
  const file = await open(join(damaged, artefact), 'r+');
  await file.write(Buffer.from('damaged'), 0, 7, (await file.stat()).size - 100_000); // in the last file
  await file.close();
  for (let round = 0; round < kills; round += 1) {
    await killAtRandom(restore(damaged, target));
    assert.ok(!existsSync(target));
  }
  const result = await runHoldfast(restore(damaged, target));
  assert.equal(result.status, 2, result.stderr);
  assert.match(result.stderr, /\[vault\/corrupt\]/);
  assert.deepEqual(await readdir(scratch), ['vault']);
});

test('a restore under way is not tidied away by another one to the same target', async (t) => {
  const scratch = await scratchFolder(t);
  const target = join(scratch, 'target');
  const running = startHoldfast(restore(vault, target));
  while ((await readdir(scratch)).length === 0) await delay(1);
  running.kill('SIGSTOP');
  const staging = await readdir(scratch);
  const second = await runHoldfast(restore(vault, target, '--overwrite', 'always'));
  assert.equal(second.status, 0, second.stderr);
  const finished = staging.includes('target'); // it may have been too quick to be stopped
  if (!finished) for (const name of staging) assert.ok(existsSync(join(scratch, name)), name);
  running.kill('SIGKILL');
  await running.ended;
});
