import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { cp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { MiB } from '../../src/base/bytes.ts';
import { runHoldfast, startHoldfast } from '../e2e/holdfast.ts';
import { restic, type ResticOptions } from '../e2e/restic.ts';
import { scratchFolder } from '../e2e/scratch.ts';
import { compareTrees } from '../fixtures/compare-trees.ts';
import { seededRandom } from '../servers/fault-proxy.ts';
import { seed, soakFactor } from '../soak-size.ts';
import { makeSmallTree } from './small-tree.ts';

const kills = 25 * soakFactor;
const minutes = 60_000;

/** Three snapshots of a tree, each with content of its own, in a repository with small packs. */
async function fillRepository(scratch: string, options: ResticOptions): Promise<string> {
  const tree = join(scratch, 'tree');
  await makeSmallTree(tree);
  await runHoldfast(['init', '-r', 'full'], options);
  for (let round = 0; round < 3; round += 1) {
    await writeFile(join(tree, 'changing'), randomBytes(6 * MiB));
    const { status, stderr } = await runHoldfast(['-r', 'full', 'backup', tree, '--pack-size', '4'], options);
    assert.equal(status, 0, stderr);
  }
  return tree;
}

interface Killing {
  readonly options: ResticOptions;
  readonly args: readonly string[];
  /** Done before each run. */
  readonly prepare: () => Promise<void>;
  /** Done after each kill. */
  readonly check: () => Promise<void>;
}

/** Runs a command until it was killed often enough, at moments all over its time. */
async function killOften({ options, args, prepare, check }: Killing): Promise<void> {
  const random = seededRandom(seed);
  await prepare();
  const startedMs = performance.now();
  assert.equal((await runHoldfast(args, options)).status, 0);
  const durationMs = performance.now() - startedMs;
  let killed = 0;
  for (let round = 0; killed < kills; round += 1) {
    assert.ok(round < 5 * kills, `only ${killed} of ${round} runs were killed before they ended`);
    await prepare();
    const running = startHoldfast(args, options);
    await delay(random() * durationMs);
    running.kill('SIGKILL');
    if ((await running.ended).signal !== 'SIGKILL') continue;
    killed += 1;
    await check();
  }
}

function assertSound(repository: string, options: ResticOptions): void {
  restic(['-r', repository, 'unlock'], options);
  assert.match(restic(['-r', repository, 'check'], options), /no errors were found/);
}

async function assertRestores(repository: string, tree: string, options: ResticOptions): Promise<void> {
  const target = join(options.cwd, 'restored');
  await rm(target, { recursive: true, force: true });
  restic(['-q', '-r', repository, 'restore', 'latest', '--target', target], options);
  assert.deepEqual(await compareTrees(tree, join(target, tree)), []);
}

test(
  `what ${kills} kills of forget and prune leave is sound to restic, and the next prune ends well unaided`,
  {
    timeout: 15 * minutes * soakFactor,
  },
  async (t) => {
    const cwd = await scratchFolder(t);
    const options = { cwd, env: { RESTIC_PASSWORD: 'correct horse' } };
    const tree = await fillRepository(cwd, options);
    const args = ['-r', 'pruned', 'forget', '--keep-last', '1', '--prune', '--max-unused', '0'];
    await killOften({
      options,
      args,
      prepare: async () => {
        await rm(join(cwd, 'pruned'), { recursive: true, force: true });
        await cp(join(cwd, 'full'), join(cwd, 'pruned'), { recursive: true });
      },
      check: async () => assertSound('pruned', options),
    });
    const { status, stderr } = await runHoldfast(args, options);
    assert.equal(status, 0, stderr);
    assert.match(restic(['-r', 'pruned', 'check', '--read-data'], options), /no errors were found/);
    await assertRestores('pruned', tree, options);
  },
);

test(
  `what ${kills} kills of copy leave is sound to restic, and the next copy ends well unaided`,
  {
    timeout: 15 * minutes * soakFactor,
  },
  async (t) => {
    const cwd = await scratchFolder(t);
    const env = { RESTIC_PASSWORD: 'correct horse', RESTIC_FROM_PASSWORD: 'correct horse' };
    const options = { cwd, env };
    const tree = await fillRepository(cwd, options);
    const args = ['-r', 'copied', 'copy', '--from-repo', 'full'];
    await killOften({
      options,
      args,
      prepare: async () => {
        await rm(join(cwd, 'copied'), { recursive: true, force: true });
        await runHoldfast(['init', '-r', 'copied', '--from-repo', 'full', '--copy-chunker-params'], options);
      },
      check: async () => {
        assertSound('copied', options);
        assertSound('full', options);
      },
    });
    const { status, stderr } = await runHoldfast(args, options);
    assert.equal(status, 0, stderr);
    assert.match(restic(['-r', 'copied', 'check', '--read-data'], options), /no errors were found/);
    await assertRestores('copied', tree, options);
  },
);
