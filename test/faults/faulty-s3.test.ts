import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { runHoldfast } from '../e2e/holdfast.ts';
import { s3Environment } from '../e2e/s3-environment.ts';
import { assertFailed, holdfast, pointOf, scratchFolder } from '../e2e/scratch.ts';
import { compareTrees } from '../fixtures/compare-trees.ts';
import { startFaultProxy, type FaultKind } from '../servers/fault-proxy.ts';
import { sharedS3Server, type S3Server } from '../servers/s3.ts';
import { seed, soakFactor } from '../soak-size.ts';
import { assertOnlyRestorePoints, lookAtBucket } from './leftovers.ts';
import { makeSmallTree } from './small-tree.ts';

/** Far beyond what giving up takes, which is a minute or so: a bound, not a measurement. */
const boundMs = 15 * 60_000;
const rounds = 4 * soakFactor;
const kinds: readonly FaultKind[] = ['error-500', 'slow-down', 'reset-before', 'reset-after', 'short-body'];

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

describe('behind a server whose answers go wrong,', { concurrency: true, timeout: boundMs * soakFactor }, () => {
  test('backup, list, verify and restore end right when 5 % do', async (t) => {
    const proxy = await startFaultProxy({ target: s3.endpoint, seed, rate: 0.05, kinds });
    t.after(() => proxy.stop());
    const scratch = await scratchFolder(t);
    const bucket = await s3.createBucket();
    const address = `s3://${bucket}/vault`;
    const env = s3Environment(s3, proxy.endpoint);
    for (let round = 0; round < rounds; round += 1) {
      await holdfast(['backup', tree, join(tree, 'many'), '--to', address], { env });
      await holdfast(['verify', '--read-data', '--from', address], { env });
      const target = join(scratch, `restored-${round}`);
      const { restorePoints } = JSON.parse(
        (await holdfast(['list', '--from', address, '--source', 'tree', '--json'], { env })).stdout,
      ) as { restorePoints: { id: string }[] };
      assert.equal(restorePoints.length, round + 1);
      const id = restorePoints.at(-1)?.id ?? '';
      await holdfast(['restore', id, '--from', address, '--target', target], { env });
      assert.deepEqual(await compareTrees(tree, target), []);
    }
    assert.ok(
      kinds.some((kind) => proxy.counters[kind] > 0),
      'nothing went wrong at all',
    );
    await assertOnlyRestorePoints(lookAtBucket(s3, bucket), 2 * rounds);
  });

  for (const kind of ['error-500', 'slow-down', 'reset-before'] as const)
    test(`every command gives up with status 2 and words when every answer is ${kind}`, async (t) => {
      const proxy = await startFaultProxy({ target: s3.endpoint, seed, rate: 1, kinds: [kind] });
      t.after(() => proxy.stop());
      const bucket = await s3.createBucket();
      const address = `s3://${bucket}/vault`;
      const options = { env: s3Environment(s3, proxy.endpoint), timeoutMs: boundMs };
      const results = await Promise.all([
        runHoldfast(['backup', tree, '--to', address], options),
        runHoldfast(['list', '--from', address], options),
        runHoldfast(['restore', 'latest', '--from', address, '--target', join(tree, 'nowhere')], options),
      ]);
      for (const result of results)
        assertFailed(result, { status: 2, says: [/tried \d+ times/, /\[store\/(?:unavailable|throttled)\]/] });
      assert.deepEqual(await lookAtBucket(s3, bucket)(), []);
    });

  test('a vault that dies in mid-upload drops out, the other keeps the restore point, and the run is partial', async (t) => {
    const scratch = await scratchFolder(t);
    const bucket = await s3.createBucket();
    let dead = false;
    const proxy = await startFaultProxy({
      target: s3.endpoint,
      seed,
      rate: 1,
      kinds: ['error-500'],
      filter: ({ url = '' }) => {
        dead ||= url.includes('partNumber=');
        return dead;
      },
    });
    t.after(() => proxy.stop());
    const disk = join(scratch, 'vault');
    const env = s3Environment(s3, proxy.endpoint);
    const result = await runHoldfast(['backup', tree, '--to', disk, '--to', `s3://${bucket}/vault`], {
      env,
      timeoutMs: boundMs,
    });
    assertFailed(result, { status: 3, says: [/could not be kept in s3:/, /\[store\/unavailable\]/] });
    await holdfast(['verify', '--read-data', '--from', disk]);
    const target = join(scratch, 'restored');
    await holdfast(['restore', await pointOf('tree', disk), '--from', disk, '--target', target]);
    assert.deepEqual(await compareTrees(tree, target), []);
    const listed = await holdfast(['list', '--from', `s3://${bucket}/vault`, '--json'], { env: s3Environment(s3) });
    assert.deepEqual(JSON.parse(listed.stdout), { restorePoints: [] });
  });
});
