import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { MiB } from '../../src/base/bytes.ts';
import { scratchFolder } from '../e2e/scratch.ts';
import { compareTrees } from '../fixtures/compare-trees.ts';
import { startRepositoryBackup } from '../fixtures/repository-process.ts';
import { restic, restore, withVault } from '../fixtures/repository-vault.ts';
import { seededRandom } from '../servers/fault-proxy.ts';
import { seed, soakFactor } from '../soak-size.ts';
import { makeSmallTree } from './small-tree.ts';

const kills = 50 * soakFactor;
const minutes = 60_000;
const { signal } = new AbortController();

/** What restic finds in what is left; a lock of a dead process is in nobody's way. */
function checkLeftovers(repository: string): void {
  if (!existsSync(join(repository, 'config'))) return; // killed before it was made
  restic(repository, ['unlock']);
  assert.match(restic(repository, ['check']), /no errors were found/);
}

test(
  `what ${kills} kills at any moment leave is sound to restic, and the next run ends well unaided`,
  { timeout: 15 * minutes * soakFactor },
  async (t) => {
    const scratch = await scratchFolder(t);
    const tree = join(scratch, 'tree');
    const place = { type: 'local', path: join(scratch, 'repository') } as const;
    await makeSmallTree(tree);
    const random = seededRandom(seed);
    const change = (round: number): Promise<void> => writeFile(join(tree, 'changing'), randomBytes(6 * MiB + round));
    let durationMs = 0;
    for (const round of [-2, -1]) {
      await change(round);
      const measured = startRepositoryBackup(tree, { ...place, path: join(scratch, 'measured') });
      await measured.begun;
      const startedMs = performance.now();
      await measured.ended;
      durationMs = performance.now() - startedMs;
    }
    let killed = 0;
    for (let round = 0; killed < kills; round += 1) {
      assert.ok(round < 4 * kills, `only ${killed} of ${round} runs were killed before they ended`);
      await change(round);
      const running = startRepositoryBackup(tree, place);
      await running.begun;
      await delay(random() * durationMs);
      running.kill('SIGKILL');
      if ((await running.ended) !== undefined) continue;
      killed += 1;
      // Every other time nobody tidies up before the next run.
      if (round % 2 === 0) checkLeftovers(place.path);
    }
    const last = await startRepositoryBackup(tree, place).ended;
    assert.match(restic(place.path, ['check', '--read-data']), /no errors were found/);
    await withVault(place, async (vault) => {
      const points = await vault.list({ signal });
      assert.equal(points.at(-1)?.id, last?.id);
      for (const point of points) assert.deepEqual(await vault.verify(point, { readData: true, signal }), []);
      const target = join(scratch, 'restored');
      assert.deepEqual(await restore(vault, points.at(-1) ?? assert.fail('nothing is there'), target), []);
      assert.deepEqual(await compareTrees(tree, target), []);
    });
  },
);

async function packBytes(repository: string): Promise<number> {
  const names = await readdir(join(repository, 'data'), { recursive: true }).catch(() => []);
  const packs = names.filter((name) => /\/[0-9a-f]{64}$/.test(name));
  const sizes = await Promise.all(packs.map(async (name) => (await stat(join(repository, 'data', name))).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}

test('the run after a kill does not send again what is there', { timeout: 10 * minutes }, async (t) => {
  const scratch = await scratchFolder(t);
  const tree = join(scratch, 'tree');
  const place = { type: 'local', path: join(scratch, 'repository') } as const;
  await makeSmallTree(tree);
  for (const name of ['b1', 'b2', 'b3', 'b4']) await writeFile(join(tree, name), randomBytes(9 * MiB));
  const spec = { packSizeMiB: 4 };
  const running = startRepositoryBackup(tree, place, { spec, limits: { uploadKBps: 6000 } });
  while ((await packBytes(place.path)) < 24 * MiB) await delay(5);
  running.kill('SIGKILL');
  assert.equal(await running.ended, undefined);
  const thereBytes = await packBytes(place.path);
  const again = await startRepositoryBackup(tree, place, { spec }).ended;
  const putBytes = again?.put['data'] ?? 0;
  const treeBytes = 48 * MiB;
  // What was in the packs that were not there yet, and trees.
  assert.ok(putBytes <= treeBytes - thereBytes + MiB, `${putBytes} of ${treeBytes} were put, ${thereBytes} were there`);
  assert.match(restic(place.path, ['check', '--read-data']), /no errors were found/);
});
