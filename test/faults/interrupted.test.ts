import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { startHoldfast, type RunningHoldfast } from '../e2e/holdfast.ts';
import { s3Environment } from '../e2e/s3-environment.ts';
import { assertForUsers, holdfast, scratchFolder } from '../e2e/scratch.ts';
import { startFaultProxy, type FaultProxy } from '../servers/fault-proxy.ts';
import { sharedS3Server, type S3Server } from '../servers/s3.ts';
import { lookAtBucket, lookAtFolder, untilWriting } from './leftovers.ts';
import { makeSmallTree } from './small-tree.ts';

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

/** Some requests are never answered. */
function startHangingProxy(filter: (request: IncomingMessage) => boolean): Promise<FaultProxy> {
  const delayMs = 600_000;
  return startFaultProxy({ target: s3.endpoint, seed: 1, rate: 1, kinds: ['delay'], delayMs, filter });
}

async function untilHanging(running: RunningHoldfast, proxy: FaultProxy): Promise<void> {
  let ended = false;
  void running.ended.then(() => (ended = true));
  while (proxy.counters.delay === 0) {
    assert.ok(!ended, 'it ended before it asked for what hangs');
    await delay(20);
  }
}

/** So slow that it is still sending when it has been seen to write. */
const slow = ['--limit-upload', '100'];

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  test(`${signal} in mid-backup ends with 130 and words, and leaves nothing on the disk`, async (t) => {
    const scratch = await scratchFolder(t);
    const vault = join(scratch, 'vault');
    const env = { TMPDIR: await scratchFolder(t) };
    const running = startHoldfast(['backup', tree, '--to', vault, ...slow], { env });
    await untilWriting(running, lookAtFolder(vault));
    running.kill(signal);
    const result = await running.ended;
    assert.equal(result.status, 130);
    assert.match(result.stderr, new RegExp(`interrupted by ${signal}`));
    assertForUsers(result);
    assert.deepEqual(await lookAtFolder(vault)(), []);
    const temporary = await readdir(env.TMPDIR);
    assert.deepEqual(
      temporary.filter((name) => name !== 'node-compile-cache'),
      [],
    );
  });

  test(`${signal} in mid-backup ends with 130 and words, and leaves nothing on S3`, async () => {
    const bucket = await s3.createBucket();
    const running = startHoldfast(['backup', tree, '--to', `s3://${bucket}/vault`, ...slow], {
      env: s3Environment(s3),
    });
    await untilWriting(running, lookAtBucket(s3, bucket));
    running.kill(signal);
    const result = await running.ended;
    assert.equal(result.status, 130);
    assert.match(result.stderr, new RegExp(`interrupted by ${signal}`));
    assertForUsers(result);
    assert.deepEqual(await lookAtBucket(s3, bucket)(), []);
  });

  test(`${signal} in mid-restore ends with 130 and leaves nothing`, async (t) => {
    const scratch = await scratchFolder(t);
    const address = `s3://${await s3.createBucket()}/vault`;
    await holdfast(['backup', tree, '--to', address], { env: s3Environment(s3) });
    const proxy = await startHangingProxy(({ url = '' }) => url.includes('.tar.gz?') || url.endsWith('.tar.gz'));
    t.after(() => proxy.stop());
    const target = join(scratch, 'restored');
    const env = s3Environment(s3, proxy.endpoint);
    const running = startHoldfast(['restore', 'latest', '--from', address, '--target', target], { env });
    await untilHanging(running, proxy);
    running.kill(signal);
    const result = await running.ended;
    assert.equal(result.status, 130, result.stderr);
    assert.match(result.stderr, new RegExp(`interrupted by ${signal}`));
    assert.deepEqual(await readdir(scratch), []);
  });
}

test('a second SIGINT ends a clean-up that hangs at once', async (t) => {
  const bucket = await s3.createBucket();
  const proxy = await startHangingProxy(({ method, url = '' }) => method === 'DELETE' || url.includes('?delete'));
  t.after(() => proxy.stop());
  const env = s3Environment(s3, proxy.endpoint);
  const running = startHoldfast(['backup', tree, '--to', `s3://${bucket}/vault`, ...slow], { env });
  await untilWriting(running, lookAtBucket(s3, bucket));
  running.kill('SIGINT');
  await untilHanging(running, proxy);
  await delay(300); // what comes sooner is the echo of the first
  running.kill('SIGINT');
  assert.equal((await running.ended).status, 130);
});
