import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createServer, type AddressInfo } from 'node:net';
import { after, before, test, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { launch, startPostgres, type PostgresServer } from '../servers/postgres.ts';
import { sharedS3Server, type S3Server } from '../servers/s3.ts';
import { createHoldableDatabase, holdDump, type HeldDump } from './held-dump.ts';
import { daemonFor, until, untilTaken } from './daemon-for.ts';
import type { RunningHoldfast } from './holdfast.ts';
import { bucketContent } from './s3-objects.ts';
import { holdfast } from './scratch.ts';

let s3: S3Server;
let postgres: PostgresServer;

before(async () => {
  [s3, postgres] = await Promise.all([sharedS3Server(), startPostgres()]);
  await createHoldableDatabase(postgres, 'held');
});

after(() => Promise.all([s3.stop(), postgres.stop()]));

/** The variables of a container that backs a database up. */
function container(server: PostgresServer, database: string, bucket: string): Record<string, string> {
  return {
    HOME: '/nonexistent',
    DATABASE_URL: server.url(database),
    S3_ENDPOINT: s3.endpoint,
    S3_BUCKET: bucket,
    S3_ACCESS_KEY_ID: s3.accessKey,
    S3_SECRET_ACCESS_KEY: s3.secretKey,
    RETRY_ATTEMPTS: '1',
  };
}

test(
  'a run that fails is told, and the daemon goes on: its database goes away and comes back',
  { timeout: 300_000 },
  async (t) => {
    const own = await startPostgres();
    try {
      const bucket = await s3.createBucket();
      const env = { ...container(own, 'postgres', bucket), BACKUP_INTERVAL: '1' };
      const daemon = daemonFor(t, ['daemon'], { env });
      await daemon.shows(/SUCCESS Backup iteration #1 completed successfully/);
      process.kill(own.pid, 'SIGINT');
      await daemon.shows(/ERROR Backup iteration #\d+ failed/);
      // A server that is shutting down fails a backup, too, and lets no other one have its files yet.
      await until('the server has ended', async () => !existsSync(join(own.dataDir, 'postmaster.pid')));
      const { child } = await launch(own.binDir, own.dataDir);
      try {
        await daemon.shows(/ERROR Backup iteration #\d+ failed[^]*SUCCESS Backup iteration #\d+ completed/);
        daemon.kill('SIGTERM');
        const { status, stdout, stderr } = await daemon.ended;
        assert.equal(status, 0);
        assert.ok(!(stdout + stderr).includes(own.password) && !(stdout + stderr).includes(s3.secretKey));
        const { unfinished, keys } = await bucketContent(s3, bucket);
        assert.deepEqual(unfinished, []);
        const done = stdout.match(/SUCCESS Backup iteration/g)?.length;
        assert.equal(keys.filter((key) => key.endsWith('.sql.gz')).length, done);
      } finally {
        child.ref();
        const ended = once(child, 'exit');
        child.kill('SIGQUIT');
        await ended;
      }
    } finally {
      await own.stop();
    }
  },
);

/** A daemon in the midst of a dump that stands still. */
async function daemonInDump(t: TestContext): Promise<{ daemon: RunningHoldfast; dump: HeldDump; bucket: string }> {
  const bucket = await s3.createBucket();
  const dump = await holdDump(postgres, 'held');
  const daemon = daemonFor(t, ['daemon'], { env: container(postgres, 'held', bucket) });
  await dump.waiting();
  return { daemon, dump, bucket };
}

test('SIGTERM lets the run under way come to its end, and the daemon ends with 0', async (t) => {
  const { daemon, dump, bucket } = await daemonInDump(t);
  daemon.kill('SIGTERM');
  const first = await Promise.race([daemon.ended.then(() => 'ended'), delay(700).then(() => 'running')]);
  assert.equal(first, 'running');
  await dump.release();
  const { status, stdout } = await daemon.ended;
  assert.equal(status, 0);
  assert.match(stdout, /SUCCESS Backup iteration #1 completed successfully/);
  assert.doesNotMatch(stdout, /Next backup scheduled/);
  const { keys, unfinished } = await bucketContent(s3, bucket);
  assert.deepEqual(unfinished, []);
  assert.equal(keys.length, 2);
  await holdfast(['verify', '--read-data'], { env: container(postgres, 'held', bucket) });
});

test('one Ctrl+C that comes several times at once, from the terminal and from who started us, is one', async (t) => {
  const { daemon, dump } = await daemonInDump(t);
  for (let times = 0; times < 3; times += 1) {
    daemon.kill('SIGINT');
    await delay(20); // else the system makes them one by itself
  }
  assert.equal(await Promise.race([daemon.ended.then(() => 'ended'), delay(700).then(() => 'running')]), 'running');
  await dump.release();
  const { status, stdout } = await daemon.ended;
  assert.equal(status, 0);
  assert.match(stdout, /SUCCESS Backup iteration #1 completed successfully/);
});

test('a second SIGTERM aborts the run with 130 and leaves nothing half: no object, no upload, no lock, no session', async (t) => {
  const { daemon, dump, bucket } = await daemonInDump(t);
  daemon.kill('SIGTERM');
  await untilTaken(daemon.pid, 'SIGTERM');
  await delay(500); // what comes at once would be the same one
  daemon.kill('SIGTERM');
  const { status } = await daemon.ended;
  assert.equal(status, 130);
  assert.deepEqual(await bucketContent(s3, bucket), { keys: [], unfinished: [] });
  await dump.release();
  await until('no session is left', async () => {
    const sql = "SELECT 1 FROM pg_stat_activity WHERE datname = 'held' AND pid <> pg_backend_pid()";
    return (await postgres.query('postgres', sql)).length === 0;
  });
});

test('a daemon that is told to stop while it asks a server that never answers ends at once, with 0', async (t) => {
  const silent = createServer((socket) => socket.on('error', () => {})).listen(0, '127.0.0.1');
  await once(silent, 'listening');
  t.after(() => silent.close());
  const { port } = silent.address() as AddressInfo;
  const env = container(postgres, 'postgres', await s3.createBucket());
  const url = `postgres://u:p@127.0.0.1:${port}/x`;
  const daemon = daemonFor(t, ['daemon'], { env: { ...env, DATABASE_URL: url }, timeoutMs: 12_000 });
  await daemon.shows(/Performing initial connectivity checks/);
  await delay(500);
  daemon.kill('SIGTERM');
  const { status, stdout } = await daemon.ended;
  assert.equal(status, 0);
  assert.doesNotMatch(stdout, /Starting continuous backup mode|Starting backup/);
});

test('a daemon that waits ends at once, with 0', async (t) => {
  const env = { ...container(postgres, 'postgres', await s3.createBucket()), BACKUP_INTERVAL: '86400' };
  const daemon = daemonFor(t, ['daemon'], { env });
  await daemon.shows(/INFO Next backup scheduled for: .* \(in 86400s\)/);
  daemon.kill('SIGINT');
  assert.equal((await daemon.ended).status, 0);
});
