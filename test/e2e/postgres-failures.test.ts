import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { Client } from 'pg';
import { startPostgres, type PostgresServer } from '../servers/postgres.ts';
import { sharedS3Server, type S3Server } from '../servers/s3.ts';
import { createHoldableDatabase, holdDump } from './held-dump.ts';
import { runHoldfast } from './holdfast.ts';
import { s3Environment } from './s3-environment.ts';
import { bucketContent } from './s3-objects.ts';
import { assertFailed, filesIn, holdfast, listPoints, scratchFolder } from './scratch.ts';

let server: PostgresServer;
let s3: S3Server;

before(async () => {
  [server, s3] = await Promise.all([startPostgres(), sharedS3Server()]);
  await createHoldableDatabase(server, 'held');
  await server.psql('postgres', 'CREATE DATABASE early; CREATE DATABASE late;');
});

after(async () => {
  await Promise.all([server.stop(), s3.stop()]);
});

test('a session that the server ends in mid-dump leaves no restore point and no byte, on a disk and in S3', async (t) => {
  const disk = await scratchFolder(t);
  const bucket = await s3.createBucket();
  const held = await holdDump(server, 'held');
  const args = ['backup', server.url('held'), '--to', disk, '--to', `s3://${bucket}`, '--compression', 'none'];
  const running = runHoldfast(args, { env: s3Environment(s3) });
  const pid = await held.waiting();
  assert.notDeepEqual(await filesIn(disk), [], 'parts of the dump are on the disk when the session is ended');
  await server.query('postgres', 'SELECT pg_terminate_backend($1)', [pid]);
  assertFailed(await running, {
    status: 2,
    says: [
      /pg_dump failed on 127\.0\.0\.1:\d+\/held/,
      /terminating connection/,
      /look at its log, then run the backup again/,
    ],
  });
  await held.release();
  assert.equal((await running).stderr.match(/pg_dump failed/g)?.length, 1, 'said once, not for each vault');
  assert.deepEqual(await filesIn(disk), []);
  assert.deepEqual(await bucketContent(s3, bucket), { keys: [], unfinished: [] });
  assert.equal((await listPoints(disk)).size, 0);
});

test('one database that fails is named and the others of the server are kept: exit status 3', async (t) => {
  const disk = await scratchFolder(t);
  const held = await holdDump(server, 'held');
  const running = runHoldfast(['backup', server.url(''), '--databases', '*', '--to', disk, '--json']);
  await server.query('postgres', 'SELECT pg_terminate_backend($1)', [await held.waiting()]);
  const result = await running;
  await held.release();
  assertFailed(result, { status: 3, says: [/held/] });
  assert.deepEqual([...(await listPoints(disk)).keys()].toSorted(), ['early', 'globals', 'late', 'postgres']);
  const lines = result.stdout.trim().split('\n');
  const run = JSON.parse(lines.at(-1) ?? '') as {
    status: string;
    sources: { source: { name: string }; status: string }[];
  };
  assert.equal(run.status, 'partial');
  assert.deepEqual(
    run.sources.filter(({ status }) => status !== 'ok').map(({ source }) => source.name),
    ['held'],
  );
});

test('a server that is down does not keep the rest of a job from its backup', async (t) => {
  const [disk, folder] = [await scratchFolder(t), await scratchFolder(t)];
  const gone = 'postgres://someone:wrong-word@127.0.0.1:1/shop';
  const result = await runHoldfast(['backup', gone, folder, '--to', disk]);
  assertFailed(result, { status: 3, says: [/postgres/, /127\.0\.0\.1:1\/shop/, /nothing answers at this port/] });
  assert.equal((await listPoints(disk)).size, 1);
});

test('a table that someone holds locked is given up after lockWaitTimeoutMs, and nothing is kept', async (t) => {
  const folder = await scratchFolder(t);
  const client = new Client({ host: server.socketDir, port: server.port, user: 'postgres', database: 'held' });
  await client.connect();
  await client.query('BEGIN');
  await client.query('LOCK TABLE bulk');
  const source = { type: 'postgres', url: server.url('held'), lockWaitTimeoutMs: 200 };
  const configuration = {
    stores: { disk: { type: 'local', path: `${folder}/vault` } },
    vaults: { main: { type: 'archive', store: 'disk' } },
    jobs: { app: { sources: [source], vaults: ['main'] } },
  };
  await writeFile(`${folder}/holdfast.yaml`, JSON.stringify(configuration));
  assertFailed(await runHoldfast(['backup'], { cwd: folder }), { status: 2, says: [/lock/, /lockWaitTimeoutMs/] });
  await client.end();
  assert.deepEqual(await filesIn(`${folder}/vault`), []);
  await holdfast(['backup'], { cwd: folder });
});
