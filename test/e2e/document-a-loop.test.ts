/** The service of document A as a process that stays, and beside another one. */
import assert from 'node:assert/strict';
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { startFaultProxy } from '../servers/fault-proxy.ts';
import { sharedS3Server, type S3Server } from '../servers/s3.ts';
import { seed } from '../soak-size.ts';
import type { EndedHoldfast } from './holdfast.ts';
import { eventsOf, makePortal, oneShot, uploadsOf, type Portal } from './portal.ts';
import { assertFails, assertForUsers, holdfast } from './scratch.ts';

let s3: S3Server;
before(async () => void (s3 = await sharedS3Server()));
after(() => s3.stop());

const lock = 'backups/lock';

/** A service with one file whose upload lasts until it is released: what happens meanwhile can be looked at. */
async function heldPortal(t: TestContext): Promise<{ readonly portal: Portal; readonly release: () => void }> {
  const held = Promise.withResolvers<void>();
  t.after(() => held.resolve());
  const proxy = await startFaultProxy({
    target: s3.endpoint,
    seed,
    rate: 1,
    kinds: ['delay'],
    held: held.promise,
    filter: ({ method, url }) => method === 'PUT' && (url ?? '').includes('held.txt'),
  });
  t.after(() => proxy.stop());
  const portal = await makePortal(t, s3, proxy.endpoint);
  await writeFile(join(portal.data, 'held.txt'), 'slow\n');
  return { portal, release: held.resolve };
}

const completed = ({ stdout }: EndedHoldfast): number =>
  eventsOf(stdout).filter(({ event, status }) => event === 'backup_completed' && status === 'ok').length;

/** Starts the loop of the document, and waits until it has run `runs` times. */
async function looping(portal: Portal, runs: number) {
  const running = portal.start(['--config', 'backup_config.yaml', '--interval', '1']);
  await running.shows(new RegExp(`(?:"event":"backup_completed"[^]*?){${runs}}`));
  return running;
}

describe('the periodic loop', { concurrency: true }, () => {
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    test(`goes on until ${signal} and then ends well; what changed meanwhile was uploaded`, async (t) => {
      const portal = await makePortal(t, s3);
      const running = await looping(portal, 2);
      // There at once and whole: a run may be reading just now.
      await writeFile(join(portal.folder, 'late.txt'), 'late\n');
      await rename(join(portal.folder, 'late.txt'), join(portal.data, 'late.txt'));
      await running.shows(/"event":"file_uploaded"[^\n]*late\.txt/);
      running.kill(signal);
      const result = await running.ended;
      assert.equal(result.status, 0, result.stdout + result.stderr);
      assert.ok(completed(result) >= 3);
      assert.equal(eventsOf(result.stdout).filter(({ event }) => event === 'file_uploaded').length, 4);
      assert.ok(!(await portal.keys()).includes(lock));
      assertForUsers(result);
    });

  test('finishes the run that is under way when it is told to stop', async (t) => {
    const { portal, release } = await heldPortal(t);
    const running = portal.start(['--config', 'backup_config.yaml', '--interval', '60']);
    await running.shows(/"event":"file_uploaded"/);
    running.kill('SIGTERM');
    const soon = await Promise.race([running.ended.then(() => 'ended'), delay(700).then(() => 'running')]);
    assert.equal(soon, 'running');
    release();
    const result = await running.ended;
    assert.equal(result.status, 0, result.stdout + result.stderr);
    assert.equal(completed(result), 1);
    assert.ok((await portal.keys()).includes(portal.keyOf(join(portal.data, 'held.txt'))));
    assert.ok(!(await portal.keys()).includes(lock));
    assert.deepEqual(await uploadsOf(portal), []);
  });

  test('is what the file’s interval_seconds asks for, and outlives a run that fails', async (t) => {
    const portal = await makePortal(t, s3);
    const running = portal.start(['--config', 'backup_config.yaml', '--bucket', 'no-such-bucket']);
    await running.shows(/"event":"backup_scheduled"[^\n]*"in_seconds":(?:900|899)/);
    running.kill('SIGINT');
    const result = await running.ended;
    assert.equal(result.status, 0, result.stdout + result.stderr);
    assert.match(result.stdout, /"event":"backup_completed"[^\n]*"status":"failed"/);
  });
});

test('once is one run, also where the file has an interval', async (t) => {
  const portal = await makePortal(t, s3);
  const { folder, env } = portal;
  const options = { cwd: folder, env, timeoutMs: 30_000 };
  const { stdout } = await holdfast(['once', '--config', 'backup_config.yaml'], options);
  assert.deepEqual([eventsOf(stdout).at(-1)?.event, eventsOf(stdout).at(-1)?.status], ['backup_completed', 'ok']);
  assert.equal((await portal.keys()).length, 4);
  const both = ['once', '--config', 'backup_config.yaml', '--interval', '5'];
  await assertFails(both, { status: 1, says: [/--interval and --once exclude each other/] }, options);
});

test('the lock stands while a run is under way, keeps a second one out with status 11, and is gone afterwards', async (t) => {
  const { portal, release } = await heldPortal(t);
  const first = portal.start(oneShot);
  await first.shows(/"event":"file_uploaded"/);
  assert.ok((await portal.keys()).includes(lock));
  const second = await portal.backup(oneShot);
  assert.equal(second.status, 11, second.stdout + second.stderr);
  assert.deepEqual([second.events.at(-1)?.event, second.events.at(-1)?.status], ['backup_completed', 'locked']);
  assert.equal(second.events.filter(({ event }) => event === 'file_uploaded').length, 0);
  assertForUsers(second);
  release();
  const result = await first.ended;
  assert.equal(result.status, 0, result.stdout + result.stderr);
  assert.equal(completed(result), 1);
  assert.ok(!(await portal.keys()).includes(lock));
  assert.deepEqual(await uploadsOf(portal), []);
});
