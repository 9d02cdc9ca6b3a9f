/** Document C's environment beside the options of the command line, and in the place of the service that was there. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startPostgres, type PostgresServer } from '../servers/postgres.ts';
import { sharedS3Server, type S3Server } from '../servers/s3.ts';
import { clearOfMidnight, dayBefore } from './faked-clock.ts';
import { runHoldfast, startHoldfast } from './holdfast.ts';
import { bucketContent, putObjects } from './s3-objects.ts';
import { holdfast } from './scratch.ts';

let s3: S3Server;
let postgres: PostgresServer;
before(async () => void ([s3, postgres] = await Promise.all([sharedS3Server(), startPostgres()])));
after(() => Promise.all([s3.stop(), postgres.stop()]));

/** The required variables, with a bucket that is new: two backups of one second would have one name. */
async function container(): Promise<Record<string, string>> {
  return {
    HOME: '/nonexistent',
    DATABASE_URL: postgres.url('postgres'),
    S3_ENDPOINT: s3.endpoint,
    S3_BUCKET: await s3.createBucket(),
    S3_ACCESS_KEY_ID: s3.accessKey,
    S3_SECRET_ACCESS_KEY: s3.secretKey,
  };
}

async function countRestorePoints(env: Record<string, string>): Promise<number> {
  const { stdout } = await holdfast(['list', '--json'], { env });
  return (JSON.parse(stdout) as { restorePoints: object[] }).restorePoints.length;
}

test('backup takes --once and --interval with an environment, as with a file', async () => {
  const [once, again] = [await container(), await container()];
  await holdfast(['backup', '--once'], { env: once });
  assert.equal(await countRestorePoints(once), 1);
  // Two seconds apart, each has a name of its own.
  const loop = startHoldfast(['backup', '--interval', '2'], { env: again });
  await loop.shows(/Backup iteration #2 completed successfully/);
  loop.kill('SIGINT');
  assert.equal((await loop.ended).status, 0);
  assert.ok((await countRestorePoints(again)) >= 2);
});

test('--json takes no lines of text, and --quiet errors alone', async (t) => {
  const run = await holdfast(['once', '--json'], { env: await container() });
  const lines = run.stdout.trim().split('\n');
  const last = lines.map((line) => JSON.parse(line) as Record<string, unknown>).at(-1);
  assert.equal(last?.['status'], 'ok', run.stdout);
  const loop = startHoldfast(['daemon', '--json'], { env: await container() });
  t.after(() => loop.kill('SIGKILL'));
  await loop.shows(/"event":"backup_completed"[^\n]*"status":"ok"/);
  loop.kill('SIGTERM');
  for (const line of (await loop.ended).stdout.trim().split('\n')) JSON.parse(line);
  assert.equal((await holdfast(['once', '--quiet'], { env: await container() })).stdout, '');
  const failed = await runHoldfast(['once', '--quiet'], {
    env: { ...(await container()), DATABASE_URL: postgres.url('nobody') },
  });
  assert.equal(failed.status, 2);
  assert.match(failed.stdout, /^(?:\S+ ERROR [^\n]*\n)+$/);
});

/** The former service's name of a backup. */
const at = (days: number, rest: string): string => `postgres-backups/backup_${dayBefore(days)}_143001${rest}`;

test('backups that the former service left are pruned by the date in their names, and what is named otherwise stays', async () => {
  await clearOfMidnight('UTC');
  const env = await container();
  const bucket = env['S3_BUCKET'] ?? '';
  const old = [at(9, '.sql.gz'), at(30, '.sql.gz'), at(400, '.sql.gz.enc')];
  const kept = [at(3, '.sql.gz'), at(30, '.sql'), at(30, '.txt'), `backup_${dayBefore(30)}_143001.sql.gz`];
  await putObjects(s3, bucket, [...old, ...kept]);
  const { stdout } = await holdfast(['once'], { env: { ...env, BACKUP_RETENTION_DAYS: '7' } });
  assert.match(stdout, /INFO Retention pruning completed: 3 deleted, 2 retained$/m);
  const { keys } = await bucketContent(s3, bucket);
  assert.deepEqual(
    keys.filter((key) => !key.includes(dayBefore(0))),
    kept.sort(),
  );
  assert.equal(keys.length, kept.length + 2);
});
