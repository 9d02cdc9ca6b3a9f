/**
 * The container that backs one database up, by its environment variables alone: "PostgreSQL Backup Service". Everything
 * but hosts, ports and keys stands as in its documentation.
 */
import assert from 'node:assert/strict';
import { DeleteBucketPolicyCommand, GetObjectCommand, PutBucketPolicyCommand } from '@aws-sdk/client-s3';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { startFaultProxy } from '../servers/fault-proxy.ts';
import { closedPort, runWithInput, startPostgres, type PostgresServer } from '../servers/postgres.ts';
import { sharedS3Server, type S3Server } from '../servers/s3.ts';
import { seed } from '../soak-size.ts';
import { clearOfMidnight, dayBefore, fakedClock, nextSecond } from './faked-clock.ts';
import { runHoldfast, startHoldfast, type HoldfastResult } from './holdfast.ts';
import { bucketContent } from './s3-objects.ts';
import { assertFails, holdfast, scratchFolder } from './scratch.ts';
import { startWebhookReceiver } from './webhook-receiver.ts';

let s3: S3Server;
let postgres: PostgresServer;

before(async () => {
  [s3, postgres] = await Promise.all([sharedS3Server(), startPostgres()]);
  await postgres.psql('postgres', 'CREATE DATABASE myapp');
  await postgres.psql(
    'myapp',
    "CREATE TABLE people AS SELECT g AS id, 'name ' || g AS name FROM generate_series(1, 500) g",
  );
});

after(() => Promise.all([s3.stop(), postgres.stop()]));

const encryptionKey = 'an encryption key of more than 32 characters';

/** The document's required variables, and a failure that is not tried again for half a minute. */
function required(bucket: string): Record<string, string> {
  return {
    HOME: '/nonexistent',
    DATABASE_URL: postgres.url('myapp'),
    S3_ENDPOINT: s3.endpoint,
    S3_BUCKET: bucket,
    S3_ACCESS_KEY_ID: s3.accessKey,
    S3_SECRET_ACCESS_KEY: s3.secretKey,
    RETRY_ATTEMPTS: '2',
    RETRY_DELAY: '0',
  };
}

interface Downloaded {
  readonly bytes: Buffer;
  readonly metadata: Readonly<Record<string, string>>;
}

async function download(bucket: string, key: string): Promise<Downloaded> {
  const client = s3.client();
  try {
    const { Body, Metadata = {} } = await client.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
    return { bytes: Buffer.from((await Body?.transformToByteArray()) ?? []), metadata: Metadata };
  } finally {
    client.destroy();
  }
}

/** The backups in a bucket, without what Holdfast keeps beside them. */
async function backupsIn(bucket: string): Promise<string[]> {
  const { keys, unfinished } = await bucketContent(s3, bucket);
  assert.deepEqual(unfinished, []);
  return keys.filter((key) => !key.endsWith('.manifest.json'));
}

function assertNoSecrets({ stdout, stderr }: HoldfastResult, more: readonly string[] = []): void {
  const said = stdout + stderr;
  const { password } = postgres;
  const secrets = [password, encodeURIComponent(password), s3.secretKey, s3.accessKey, encryptionKey, ...more];
  for (const secret of secrets) assert.ok(!said.includes(secret), `a secret is in the log:\n${said}`);
}

/** What a shell does with a backup, as the documentation shows it. */
async function loadedByShell(t: Parameters<typeof scratchFolder>[0], file: Buffer, pipe: string): Promise<string> {
  const path = join(await scratchFolder(t), 'backup');
  await writeFile(path, file);
  const database = `back_${Math.random().toString(36).slice(2)}`;
  await postgres.psql('postgres', `CREATE DATABASE ${database}`);
  const psql = `${join(postgres.binDir, 'psql')} -X -q -v ON_ERROR_STOP=1`;
  const env = {
    ...process.env,
    FILE: path,
    BACKUP_ENCRYPTION_KEY: encryptionKey,
    PGHOST: postgres.socketDir,
    PGPORT: String(postgres.port),
    PGUSER: postgres.user,
    PGDATABASE: database,
  };
  const { status, stderr } = await runWithInput('bash', ['-o', 'pipefail', '-c', `${pipe} | ${psql}`], { env });
  assert.equal(status, 0, stderr);
  const [row] = await postgres.query<{ all: string }>(
    database,
    "SELECT count(*) || ' ' || max(name) AS all FROM people",
  );
  return row?.all ?? '';
}

test('once leaves PREFIX/backup_YYYYMMDD_HHMMSS.sql.gz with its metadata, and gunzip | psql restores it', async (t) => {
  const bucket = await s3.createBucket();
  const result = await holdfast(['once'], { env: required(bucket) });
  const [key = '', ...others] = await backupsIn(bucket);
  assert.deepEqual(others, []);
  assert.match(key, /^postgres-backups\/backup_\d{8}_\d{6}\.sql\.gz$/);
  const { bytes, metadata } = await download(bucket, key);
  assert.match(metadata['timestamp'] ?? '', /^\d{4}-?\d\d-?\d\d[T_]\d\d:?\d\d:?\d\d/);
  assert.equal(metadata['database'], 'myapp');
  assert.equal(metadata['host'], '127.0.0.1');
  assert.ok(Number(metadata['size']) > 0);
  assert.equal(await loadedByShell(t, bytes, 'gunzip -c "$FILE"'), '500 name 99');
  assertNoSecrets(result);
});

/** The document's "Logs Example" as it stands there. */
const example = readFileSync(join(import.meta.dirname, '../fixtures/documents/container.log'), 'utf8');

/** The lines of the document, with what another database, bucket and moment make of them. */
function expectedLog(bucket: string): RegExp[] {
  return example
    .trimEnd()
    .split('\n')
    .map((line) =>
      line
        .replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)
        .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/g, String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`)
        .replaceAll('20240207_143001', String.raw`(?<stamp>\d{8}_\d{6})`)
        .replace(/prod-db.*5432/, `${postgres.host}:${postgres.port}`)
        .replace(/https:.*$/, s3.endpoint)
        .replace('my-backups', bucket)
        .replace('/tmp/backup_(?<stamp>\\d{8}_\\d{6})\\.sql\\.gz', `${postgres.host}:${postgres.port}/myapp`)
        .replace(/in (?:81|112|195)s/, String.raw`in \d+s`)
        .replace('524MB', String.raw`\d+[KMG]?B`)
        .replace('2 deleted, 18 retained', '0 deleted, 1 retained'),
    )
    .map((line) => new RegExp(`^${line}$`));
}

test('its log is the example of the document line by line, DEBUG ones with DEBUG=true only', async () => {
  for (const debug of [true, false]) {
    const bucket = await s3.createBucket();
    const daemon = startHoldfast(['daemon'], { env: { ...required(bucket), DEBUG: String(debug) } });
    await daemon.shows(/Next backup scheduled for/);
    daemon.kill('SIGTERM');
    const result = await daemon.ended;
    assert.equal(result.status, 0);
    const lines = result.stdout.trimEnd().split('\n').slice(0, -1);
    const expected = expectedLog(bucket).filter((line) => debug || !line.source.includes('DEBUG'));
    assert.equal(lines.length, expected.length, result.stdout);
    const stamps = new Set<string>();
    for (const [index, line] of lines.entries()) {
      const match = expected[index]?.exec(line);
      assert.ok(match, `${line}\nis not\n${expected[index]}`);
      if (match.groups?.['stamp'] !== undefined) stamps.add(match.groups['stamp']);
    }
    const [key = ''] = await backupsIn(bucket);
    assert.deepEqual([...stamps], [/\d{8}_\d{6}/.exec(key)?.[0]]);
    assertNoSecrets(result);
  }
});

test('once tells the same of its one run', async () => {
  const bucket = await s3.createBucket();
  const { stdout } = await holdfast(['once'], { env: { ...required(bucket), DEBUG: 'true' } });
  const whole = expectedLog(bucket);
  const expected = whole.slice(
    whole.findIndex(({ source }) => source.includes('Starting backup')),
    whole.findIndex(({ source }) => source.includes('Backup location')) + 1,
  );
  const lines = stdout.trimEnd().split('\n');
  assert.equal(lines.length, expected.length, stdout);
  for (const [index, line] of lines.entries()) assert.match(line, expected[index] ?? /^$/);
});

test('an upload that fails is tried again after RETRY_DELAY, and then after twice that', async (t) => {
  const moments: number[] = [];
  const proxy = await startFaultProxy({
    target: s3.endpoint,
    seed,
    rate: 1,
    kinds: ['error-500'],
    filter: ({ method, url = '' }) => {
      const suffers = method === 'PUT' && url.includes('.sql.gz') && !url.includes('.json') && moments.length < 3;
      if (suffers) moments.push(performance.now());
      return suffers;
    },
  });
  t.after(() => proxy.stop());
  const bucket = await s3.createBucket();
  const retries = { RETRY_ATTEMPTS: '4', RETRY_DELAY: '1', S3_ENDPOINT: proxy.endpoint };
  const begun = performance.now();
  const { stderr } = await holdfast(['once'], { env: { ...required(bucket), ...retries } });
  // How much longer a pause is than was meant, is the machine's affair: what was meant is told.
  const meant = [...stderr.matchAll(/\.sql\.gz failed and is tried again.* delayMs=(\d+)/g)].map(([, ms]) =>
    Number(ms),
  );
  assert.deepEqual(meant, [1000, 2000, 4000], stderr);
  const [first = 0, second = 0, third = 0] = moments;
  assert.ok(second - first >= 990 && third - second >= 1990, moments.join(', '));
  assert.ok(performance.now() - begun >= 6990);
  assert.equal((await backupsIn(bucket)).length, 1);
});

test('with BACKUP_ENCRYPTION the file ends in .enc, and openssl opens it with the key', async (t) => {
  const bucket = await s3.createBucket();
  const env = { ...required(bucket), BACKUP_ENCRYPTION: 'true', BACKUP_ENCRYPTION_KEY: encryptionKey, DEBUG: 'true' };
  const result = await holdfast(['once'], { env });
  const [key = ''] = await backupsIn(bucket);
  assert.match(key, /^postgres-backups\/backup_\d{8}_\d{6}\.sql\.gz\.enc$/);
  const { bytes } = await download(bucket, key);
  const pipe = 'openssl enc -d -aes-256-cbc -pbkdf2 -pass env:BACKUP_ENCRYPTION_KEY -in "$FILE" | gunzip -c';
  assert.equal(await loadedByShell(t, bytes, pipe), '500 name 99');
  assertNoSecrets(result);
});

test('backups older than BACKUP_RETENTION_DAYS are pruned by their own date, and the young ones stay', async () => {
  await clearOfMidnight('UTC');
  const bucket = await s3.createBucket();
  const env = { ...required(bucket), BACKUP_RETENTION_DAYS: '7' };
  for (const age of ['-20d', '-9d', '-5d']) await holdfast(['once'], { env: { ...env, ...fakedClock(age) } });
  // Those of the day −9 and −5 were within seven days of each other; the oldest was not.
  assert.equal((await backupsIn(bucket)).length, 2);
  const { stdout } = await holdfast(['once'], { env });
  assert.match(stdout, /INFO Retention pruning completed: 1 deleted, 2 retained$/m);
  const kept = await backupsIn(bucket);
  const dates = kept.map((key) => /backup_(\d{8})/.exec(key)?.[1]);
  assert.deepEqual(dates, [dayBefore(5), dayBefore(0)]);
  const { keys } = await bucketContent(s3, bucket);
  assert.equal(keys.length, 2 * kept.length, 'something of a pruned backup is left');
});

test('the database may be named by PGHOST, PGPORT, PGUSER, PGPASSWORD and PGDATABASE instead', async (t) => {
  const bucket = await s3.createBucket();
  const { DATABASE_URL: _, ...rest } = required(bucket);
  const { host, port, user, password } = postgres;
  const names = { PGHOST: host, PGPORT: String(port), PGUSER: user, PGPASSWORD: password, PGDATABASE: 'myapp' };
  const result = await holdfast(['once'], { env: { ...rest, ...names, DEBUG: 'true' } });
  assertNoSecrets(result);
  assert.match(result.stdout, new RegExp(`DEBUG Database: ${host}:${port}/myapp\n.*DEBUG User: ${user}\n`));
  const { bytes } = await download(bucket, (await backupsIn(bucket))[0] ?? '');
  assert.equal(await loadedByShell(t, bytes, 'gunzip -c "$FILE"'), '500 name 99');
});

test('what can not be pruned is a warning, and the backup is done', async () => {
  const bucket = await s3.createBucket();
  const env = { ...required(bucket), BACKUP_RETENTION_DAYS: '7' };
  await holdfast(['once'], { env: { ...env, ...fakedClock('-20d') } });
  const old = await backupsIn(bucket);
  const client = s3.client();
  const Resource = old.map((key) => `arn:aws:s3:::${bucket}/${key}*`);
  const Statement = [{ Effect: 'Deny', Principal: '*', Action: 's3:DeleteObject', Resource }];
  const Policy = JSON.stringify({ Version: '2012-10-17', Statement });
  await client.send(new PutBucketPolicyCommand({ Bucket: bucket, Policy })).finally(() => client.destroy());
  const { stdout } = await holdfast(['once'], { env });
  assert.match(stdout, /WARNING Retention pruning: 1 old restore points could not be removed/);
  assert.match(stdout, /INFO Retention pruning completed: 0 deleted, 2 retained\n.*SUCCESS Backup completed/);
  assert.equal((await backupsIn(bucket)).filter((key) => !key.endsWith('.pending.json')).length, 2);
});

test('the rights that the document names, s3:PutObject, s3:GetObject and s3:DeleteObject, are enough for a backup', async () => {
  const bucket = await s3.createBucket();
  const client = s3.client();
  try {
    const Resource = `arn:aws:s3:::${bucket}`;
    const Action = ['s3:ListBucket', 's3:ListBucketMultipartUploads'];
    const Policy = JSON.stringify({
      Version: '2012-10-17',
      Statement: [{ Effect: 'Deny', Principal: '*', Action, Resource }],
    });
    await client.send(new PutBucketPolicyCommand({ Bucket: bucket, Policy }));
    const { stdout } = await holdfast(['once'], { env: required(bucket) });
    assert.match(stdout, /WARNING Retention pruning: nothing was removed: .*access denied/);
    assert.match(stdout, /SUCCESS Backup completed/);
    await client.send(new DeleteBucketPolicyCommand({ Bucket: bucket }));
  } finally {
    client.destroy();
  }
  const [key = '', ...others] = await backupsIn(bucket);
  assert.deepEqual([/^postgres-backups\/backup_\d{8}_\d{6}\.sql\.gz$/.test(key), others], [true, []]);
  await holdfast(['verify', '--read-data'], { env: required(bucket) });
});

test('the webhook is told of failures only, unless WEBHOOK_ON_SUCCESS and WEBHOOK_ON_FAILURE say otherwise', async () => {
  const bucket = await s3.createBucket();
  const receiver = await startWebhookReceiver();
  try {
    const good = { ...required(bucket), WEBHOOK_URL: receiver.url, DEBUG: 'true' };
    const down = { ...good, DATABASE_URL: undefined, PGHOST: '127.0.0.1', PGPORT: String(closedPort) };
    const bad = { ...down, PGUSER: 'postgres', PGPASSWORD: postgres.password, PGDATABASE: 'myapp' };
    const events = async (env: Record<string, string | undefined>): Promise<unknown[]> => {
      const seen = receiver.posts.length;
      const result = await runHoldfast(['once'], { env });
      assertNoSecrets(result, [receiver.url, 'T0PS3CRET']);
      return receiver.posts.slice(seen).map(({ event }) => event);
    };
    assert.deepEqual(await events(good), []);
    assert.deepEqual(await events(bad), ['backup_failed']);
    await nextSecond();
    assert.deepEqual(await events({ ...good, WEBHOOK_ON_SUCCESS: 'true' }), ['backup_completed']);
    assert.deepEqual(await events({ ...bad, WEBHOOK_ON_FAILURE: 'false' }), []);
    const [failed, done] = receiver.posts;
    assert.equal(failed?.['status'], 'failed');
    assert.match(JSON.stringify(done?.['restorePoints']), /"backup_\d{8}_\d{6}\.sql\.gz"/);
    assert.ok(!JSON.stringify(receiver.posts).includes(postgres.password));
  } finally {
    receiver.stop();
  }
});

test('a webhook that does not answer is a warning, and the backup is done', async () => {
  const bucket = await s3.createBucket();
  const url = `http://127.0.0.1:${closedPort}/T0PS3CRET`;
  const env = { ...required(bucket), WEBHOOK_URL: url, WEBHOOK_ON_SUCCESS: 'true' };
  const result = await holdfast(['once'], { env });
  assert.match(result.stdout, /WARNING Notification failed: /);
  assertNoSecrets(result, [url, 'T0PS3CRET']);
  assert.equal((await backupsIn(bucket)).length, 1);
});

test('missing variables are all named before anything is done', async (t) => {
  const cwd = await scratchFolder(t);
  const { stdout } = await assertFails(
    ['once'],
    { status: 1, says: [/DATABASE_URL/, /S3_ACCESS_KEY_ID/, /S3_SECRET_ACCESS_KEY/, /S3_ENDPOINT/] },
    { cwd, env: { HOME: '/nonexistent', S3_BUCKET: 'somewhere' } },
  );
  assert.equal(stdout, '');
  const short = { ...required('somewhere'), BACKUP_ENCRYPTION: 'true', BACKUP_ENCRYPTION_KEY: 'too short' };
  const says = [/BACKUP_ENCRYPTION_KEY/, /32/, /COMPRESSION_LEVEL/];
  await assertFails(['daemon'], { status: 1, says }, { cwd, env: { ...short, COMPRESSION_LEVEL: '10' } });
});

test('healthcheck ends with 0 when database and bucket answer, and with 1 when one of them does not', async () => {
  const bucket = await s3.createBucket();
  const env = required(bucket);
  assertNoSecrets(await holdfast(['healthcheck'], { env }));
  const url = postgres.url('myapp').replace(`:${postgres.port}/`, `:${closedPort}/`);
  for (const [wrong, says] of [
    [{ DATABASE_URL: url }, /FAIL.*postgres/],
    [{ S3_BUCKET: 'no-such-bucket-here' }, /FAIL.*no-such-bucket-here/],
    [{ S3_ENDPOINT: `http://127.0.0.1:${closedPort}` }, /FAIL.*store/],
  ] as const) {
    const result = await runHoldfast(['healthcheck'], { env: { ...env, ...wrong } });
    assert.equal(result.status, 1);
    assert.match(result.stdout, says);
    assert.equal(result.stdout.match(/^FAIL/gm)?.length, 1);
    assertNoSecrets(result);
  }
  assert.deepEqual(await backupsIn(bucket), []);
});

test('a password that is a word of every line, as trials have it, spoils neither the log nor what programs read', async () => {
  await postgres.psql('postgres', "CREATE ROLE trial SUPERUSER LOGIN PASSWORD 'postgres'");
  const bucket = await s3.createBucket();
  const url = `postgresql://trial:postgres@${postgres.host}:${postgres.port}/myapp`;
  const env = { ...required(bucket), DATABASE_URL: url };
  const { stdout } = await holdfast(['once'], { env });
  const [key = ''] = await backupsIn(bucket);
  assert.ok(stdout.includes(`Backup location: s3://${bucket}/${key}\n`), stdout);
  const listed = await holdfast(['list', '--json'], { env });
  assert.match(listed.stdout, /"source":\{"type":"postgres","name":"myapp"\}/);
});

test('config convert writes a file that means the same jobs and holds no secret', async (t) => {
  const folder = await scratchFolder(t);
  const receiver = 'http://127.0.0.1:9/T0PS3CRET';
  const env = {
    ...required('backups'),
    BACKUP_ENCRYPTION: 'true',
    BACKUP_ENCRYPTION_KEY: encryptionKey,
    WEBHOOK_URL: receiver,
  };
  const converted = await holdfast(['config', 'convert'], { env, cwd: folder });
  assertNoSecrets(converted, ['T0PS3CRET']);
  await writeFile(join(folder, 'converted.yaml'), converted.stdout);
  const jobsOf = async (...args: string[]): Promise<unknown> =>
    (
      JSON.parse((await holdfast(['config', 'show', '--json', ...args], { env, cwd: folder })).stdout) as {
        jobs: unknown;
      }
    ).jobs;
  const original = await jobsOf();
  assert.match(JSON.stringify(original), /"everySeconds":3600/);
  assert.deepEqual(await jobsOf('--config', 'converted.yaml'), original);
});
