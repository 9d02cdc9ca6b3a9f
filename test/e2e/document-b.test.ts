/** The application that backs its own database up at night, by its environment: BACKUP_S3_ENABLED and its like. */
import assert from 'node:assert/strict';
import { HeadObjectCommand } from '@aws-sdk/client-s3';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { startPostgres, type PostgresServer } from '../servers/postgres.ts';
import { sharedS3Server, type S3Server } from '../servers/s3.ts';
import { fakedClock, nextSecond } from './faked-clock.ts';
import { s3Environment } from './s3-environment.ts';
import { bucketContent } from './s3-objects.ts';
import { assertFails, filesIn, holdfast, scratchFolder } from './scratch.ts';

let s3: S3Server;
let postgres: PostgresServer;

before(async () => {
  [s3, postgres] = await Promise.all([sharedS3Server(), startPostgres()]);
  await postgres.psql('postgres', 'CREATE DATABASE app');
  await postgres.psql('app', 'CREATE TABLE numbers AS SELECT generate_series(1, 100) AS n');
});

after(() => Promise.all([s3.stop(), postgres.stop()]));

const isBackup = (key: string): boolean => key.endsWith('.sql.gz');

function base(): Record<string, string> {
  return { HOME: '/nonexistent', DATABASE_URL: postgres.url('app') };
}

test('with BACKUP_S3_ENABLED=false backups go to BACKUP_LOCAL_DIR, ./backups unless given, and come back', async (t) => {
  const cwd = await scratchFolder(t);
  for (const [dir, folder] of [
    [undefined, 'backups'],
    [join(cwd, 'elsewhere'), 'elsewhere'],
  ] as const) {
    const env = { ...base(), BACKUP_S3_ENABLED: 'false', BACKUP_S3_BUCKET: 'never-asked', BACKUP_LOCAL_DIR: dir };
    await holdfast(['backup'], { cwd, env });
    assert.equal((await filesIn(join(cwd, folder))).filter(isBackup).length, 1);
    await holdfast(['verify', '--read-data'], { cwd, env });
  }
  const from = ['--from', join(cwd, 'elsewhere')];
  await holdfast(['restore', 'latest', ...from, '--to', postgres.url('app_back')], { cwd, env: base() });
  const [row] = await postgres.query<{ sum: string }>('app_back', 'SELECT sum(n) FROM numbers');
  assert.equal(row?.sum, '5050');
});

test('with BACKUP_S3_ENABLED=true they go to BACKUP_S3_BUCKET under a key of the KMS, and nothing to the disk', async (t) => {
  const [cwd, bucket] = [await scratchFolder(t), await s3.createBucket()];
  const env = { ...base(), ...s3Environment(s3), BACKUP_S3_ENABLED: 'true', BACKUP_S3_BUCKET: bucket };
  // The server of the tests has no key of its own choice, as AWS has: without one named it refuses, so nothing is kept.
  await assertFails(['backup'], { status: 2, says: [/KMS managed key/] }, { cwd, env });
  assert.deepEqual((await bucketContent(s3, bucket)).keys, []);
  assert.deepEqual(await filesIn(cwd), []);

  const keyed = { ...env, BACKUP_S3_KMS_KEY_ID: s3.kmsKeyId };
  await assertFails(
    ['backup'],
    { status: 2, says: [/no-such-key/] },
    { cwd, env: { ...keyed, BACKUP_S3_KMS_KEY_ID: 'no-such-key' } },
  );
  assert.deepEqual((await bucketContent(s3, bucket)).keys, []);
  await holdfast(['backup'], { cwd, env: keyed });
  assert.deepEqual(await filesIn(cwd), []);
  const { stdout } = await holdfast(['config', 'convert'], { cwd, env: keyed });
  await writeFile(join(cwd, 'holdfast.yaml'), stdout);
  await nextSecond();
  await holdfast(['backup'], { cwd, env: keyed });
  await holdfast(['verify', '--read-data'], { cwd, env: keyed });
  const { keys } = await bucketContent(s3, bucket);
  assert.equal(keys.filter(isBackup).length, 2);
  const client = s3.client();
  try {
    for (const key of keys) {
      const seen = await client.send(new HeadObjectCommand({ Bucket: bucket, Key: key }));
      assert.deepEqual([seen.ServerSideEncryption, seen.SSEKMSKeyId], ['aws:kms', s3.kmsKeyId], key);
    }
  } finally {
    client.destroy();
  }
});

test('what is older than BACKUP_RETENTION_DAYS goes', async (t) => {
  const cwd = await scratchFolder(t);
  const env = { ...base(), BACKUP_S3_ENABLED: 'false', BACKUP_RETENTION_DAYS: '30' };
  for (const age of ['-40d', '-20d']) await holdfast(['backup'], { cwd, env: { ...env, ...fakedClock(age) } });
  assert.equal((await filesIn(cwd)).filter(isBackup).length, 2);
  await holdfast(['backup'], { cwd, env });
  const { restorePoints } = JSON.parse((await holdfast(['list', '--json'], { cwd, env })).stdout) as {
    restorePoints: { time: string }[];
  };
  const ages = restorePoints.map(({ time }) => Math.round((Date.now() - Date.parse(time)) / 86_400_000));
  assert.deepEqual(ages, [20, 0]);
  assert.equal((await filesIn(cwd)).filter(isBackup).length, 2);
});

test('every night at one o’clock UTC for 365 days, and the same after config convert', async (t) => {
  const cwd = await scratchFolder(t);
  const env = { ...base(), BACKUP_S3_ENABLED: 'true', BACKUP_S3_BUCKET: 'app-backups' };
  const show = async (...args: string[]): Promise<unknown> =>
    (JSON.parse((await holdfast(['config', 'show', '--json', ...args], { cwd, env })).stdout) as { jobs: unknown })
      .jobs;
  const jobs = (await show()) as { schedule: unknown; retention: unknown }[];
  assert.deepEqual(jobs[0]?.schedule, { cron: '0 1 * * *', timezone: 'UTC' });
  assert.deepEqual(jobs[0].retention, { days: 365 });
  const converted = await holdfast(['config', 'convert'], { cwd, env });
  assert.ok(!converted.stdout.includes(encodeURIComponent(postgres.password)));
  await writeFile(join(cwd, 'converted.yaml'), converted.stdout);
  assert.deepEqual(await show('--config', 'converted.yaml'), jobs);
});

test('a bucket that is not named is missed before anything is done', async (t) => {
  const cwd = await scratchFolder(t);
  const env = { ...base(), BACKUP_S3_ENABLED: 'true' };
  await assertFails(['backup'], { status: 1, says: [/BACKUP_S3_BUCKET: is missing/] }, { cwd, env });
  assert.deepEqual(await filesIn(cwd), []);
});
