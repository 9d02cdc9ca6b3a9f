import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { startHoldfast } from '../e2e/holdfast.ts';
import { s3Environment } from '../e2e/s3-environment.ts';
import { holdfast, scratchFolder } from '../e2e/scratch.ts';
import { withClockOff } from '../e2e/wrapped.ts';
import { compareTrees } from '../fixtures/compare-trees.ts';
import { seededRandom } from '../servers/fault-proxy.ts';
import { sharedS3Server, type S3Server } from '../servers/s3.ts';
import { seed, soakFactor } from '../soak-size.ts';
import { assertOnlyRestorePoints, lookAtBucket, lookAtFolder, untilWriting, type LookAt } from './leftovers.ts';
import { makeSmallTree } from './small-tree.ts';

const killsPerVault = 25 * soakFactor;
const minutes = 60_000;

let s3: S3Server;
let tree: string;
const cleanups: (() => unknown)[] = [];

before(async () => {
  s3 = await sharedS3Server();
  tree = join(await scratchFolder({ after: (clean) => cleanups.push(clean) }), 'tree');
  await makeSmallTree(tree);
});

after(async () => {
  await s3.stop();
  for (const clean of cleanups) await clean();
});

interface KilledVault {
  readonly address: string;
  readonly env: Readonly<Record<string, string>>;
  readonly look: LookAt;
  readonly random: () => number;
}

/** Ids of the restore points, each of which must read back whole the first time it is seen. */
async function verifyNewPoints({ address, env }: KilledVault, seen: Set<string>): Promise<void> {
  const listed = await holdfast(['list', '--from', address, '--json'], { env });
  const { restorePoints } = JSON.parse(listed.stdout) as { restorePoints: { id: string }[] };
  for (const { id } of restorePoints.filter((point) => !seen.has(point.id))) {
    await holdfast(['verify', id, '--read-data', '--from', address], { env });
    seen.add(id);
  }
}

/** Kills runs at random moments of their lives. Returns how many died of it. */
async function killRuns(vault: KilledVault, durationMs: number, seen: Set<string>): Promise<number> {
  const { address, env, random } = vault;
  let killed = 0;
  for (let round = 0; round < killsPerVault; round += 1) {
    const running = startHoldfast(['backup', tree, '--to', address], { env });
    await delay(random() * durationMs);
    running.kill('SIGKILL');
    if ((await running.ended).signal === 'SIGKILL') killed += 1;
    await verifyNewPoints(vault, seen);
  }
  return killed;
}

async function killAndLook(vault: KilledVault, scratch: string): Promise<void> {
  const { address, env, look } = vault;
  const seen = new Set<string>();
  const startedMs = performance.now();
  await holdfast(['backup', tree, '--to', address], { env });
  assert.ok((await killRuns(vault, performance.now() - startedMs, seen)) > 0, 'every run ended before its kill');

  // What the dead runs left keeps nobody from going on, and is gone a day later; the restore points stay.
  await holdfast(['backup', tree, '--to', address], { env });
  const later = await withClockOff('+8d', ['backup', tree, '--to', address], { env: { ...env, NO_FAKE_STAT: '1' } });
  assert.equal(later.status, 0, later.stderr);
  await verifyNewPoints(vault, seen);
  await assertOnlyRestorePoints(look, seen.size);
  await holdfast(['verify', '--read-data', '--from', address], { env });
  const target = join(scratch, 'restored');
  await holdfast(['restore', 'latest', '--from', address, '--target', target], { env });
  assert.deepEqual(await compareTrees(tree, target), []);
}

describe(
  `after a kill at any moment, ${killsPerVault} times,`,
  { concurrency: true, timeout: 15 * minutes * soakFactor },
  () => {
    test('a vault on a disk lists only what reads back whole, goes on, and is tidy a day later', async (t) => {
      const scratch = await scratchFolder(t);
      const address = join(scratch, 'vault');
      await killAndLook({ address, env: {}, look: lookAtFolder(address), random: seededRandom(seed) }, scratch);
    });

    test('a vault on S3 lists only what reads back whole, goes on, and is tidy a day later', async (t) => {
      const scratch = await scratchFolder(t);
      const bucket = await s3.createBucket();
      const look = lookAtBucket(s3, bucket);
      const vault = { address: `s3://${bucket}/vault`, env: s3Environment(s3), look, random: seededRandom(seed + 1) };
      await killAndLook(vault, scratch);
    });
  },
);

test('what a run under way has written so far is no restore point, and a sweep of others leaves it alone', async (t) => {
  const scratch = await scratchFolder(t);
  const address = join(scratch, 'vault');
  const look = lookAtFolder(address);
  const running = startHoldfast(['backup', tree, '--to', address, '--limit-upload', '1500']);
  await untilWriting(running, look);
  running.kill('SIGSTOP');
  const listed = await holdfast(['list', '--from', address, '--json']);
  assert.deepEqual(JSON.parse(listed.stdout), { restorePoints: [] });
  await holdfast(['backup', join(tree, 'many'), '--to', address]);
  running.kill('SIGCONT');
  const { status, stderr } = await running.ended;
  assert.equal(status, 0, stderr);
  await assertOnlyRestorePoints(look, 2);
});
