/**
 * The orchestrator of several databases: its backups.yml and stack.env as they stand in its documentation, but for
 * hosts, ports, paths and keys.
 */
import assert from 'node:assert/strict';
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { after, before, test, type TestContext } from 'node:test';
import { runWithInput, startPostgres, type PostgresServer } from '../servers/postgres.ts';
import { sharedS3Server, type S3Server } from '../servers/s3.ts';
import { clearOfMidnight, clockAt, fakedClock } from './faked-clock.ts';
import { startHoldfast } from './holdfast.ts';
import { bucketContent, putObjects } from './s3-objects.ts';
import { assertFails, filesIn, holdfast, scratchFolder } from './scratch.ts';

const documents = join(import.meta.dirname, '../fixtures/documents');

let s3: S3Server;
let postgres: PostgresServer;

before(async () => {
  [s3, postgres] = await Promise.all([sharedS3Server(), startPostgres()]);
  await postgres.psql('postgres', "CREATE ROLE admin SUPERUSER LOGIN PASSWORD 'admin'");
  for (const name of ['mordor', 'transactions', 'shire']) {
    await postgres.psql('postgres', `CREATE DATABASE ${name}`);
    await postgres.psql(name, `CREATE TABLE words AS SELECT '${name} ' || g AS word FROM generate_series(1, 100) g`);
  }
});

after(() => Promise.all([s3.stop(), postgres.stop()]));

/** A folder with the two files, and how the program is run there. */
interface Orchestrator {
  readonly bucket: string;
  /** backup_dir. */
  readonly backups: string;
  readonly file: string;
  readonly options: { readonly cwd: string; readonly env: Readonly<Record<string, string | undefined>> };
  edit(from: string | RegExp, to: string): Promise<void>;
}

async function orchestrator(t: TestContext): Promise<Orchestrator> {
  const folder = await scratchFolder(t);
  const [file, variables, bucket] = [join(folder, 'backups.yml'), join(folder, 'stack.env'), await s3.createBucket()];
  await cp(join(documents, 'backups.yml'), file);
  const stack = await readFile(join(documents, 'stack.env'), 'utf8');
  await writeFile(
    variables,
    stack
      .replace('your_access_key', s3.accessKey)
      .replace('your_secret_key', s3.secretKey)
      .replace('your-bucket-name', bucket),
  );
  const edit = async (from: string | RegExp, to: string): Promise<void> => {
    const text = await readFile(file, 'utf8');
    const changed = text.replace(from, to);
    assert.notEqual(changed, text, `${from} is not in the file`);
    await writeFile(file, changed);
  };
  await edit(/host: "(?:postgres|transactions)"/g, `host: "${postgres.host}"`);
  await edit(/port: 543[23]/g, `port: ${postgres.port}`);
  await edit('"/backups"', `"${folder}/backups"`);
  const aws = { AWS_ENDPOINT_URL: s3.endpoint, AWS_EC2_METADATA_DISABLED: 'true' };
  const env = { HOME: '/nonexistent', TZ: undefined, ...aws };
  return { bucket, backups: join(folder, 'backups'), file, options: { cwd: folder, env }, edit };
}

/** Volumes can't be backed up yet; the databases can. */
async function withoutVolumes(t: TestContext): Promise<Orchestrator> {
  const one = await orchestrator(t);
  await one.edit(/(volume_backups:\n.*\n) {4}enabled: true/, '$1    enabled: false');
  return one;
}

const isBackup = (key: string): boolean => !key.endsWith('.manifest.json') && !key.startsWith('logs/');

async function localBackups({ backups }: Orchestrator): Promise<string[]> {
  return (await filesIn(backups)).filter(isBackup);
}

async function remoteBackups({ bucket }: Orchestrator): Promise<string[]> {
  const { keys, unfinished } = await bucketContent(s3, bucket);
  assert.deepEqual(unfinished, []);
  return keys.filter(isBackup).sort();
}

/** "20260310_030000" of a moment in São Paulo. */
function stampOf(time: Temporal.Instant): string {
  const local = time.toZonedDateTimeISO('America/Sao_Paulo').toPlainDateTime().toString({ smallestUnit: 'second' });
  return local.replaceAll(/[-:]/g, '').replace('T', '_');
}

async function assertRestores(file: string, name: string): Promise<void> {
  const database = `back_${name}`;
  await postgres.psql('postgres', `CREATE DATABASE ${database}`);
  const env = { ...process.env, FILE: file, PGPASSWORD: 'admin' };
  const psql = `psql -X -q -v ON_ERROR_STOP=1 -h ${postgres.host} -p ${postgres.port} -U admin -d ${database}`;
  const line = `gunzip -c "$FILE" | ${join(postgres.binDir, psql)}`;
  const { status, stderr } = await runWithInput('bash', ['-o', 'pipefail', '-c', line], { env });
  assert.equal(status, 0, stderr);
  const [row] = await postgres.query<{ all: string }>(
    database,
    "SELECT count(*) || ' ' || min(word) AS all FROM words",
  );
  assert.equal(row?.all, `100 ${name} 1`);
}

test('the literal files leave YYYYMMDD_HHMMSS/NAME_YYYYMMDD_HHMMSS.sql.gz in the folder, the same in the bucket, and a log', async (t) => {
  const one = await withoutVolumes(t);
  const begun = stampOf(Temporal.Now.instant());
  const result = await holdfast(['backup', '--config', 'backups.yml'], one.options);
  const ended = stampOf(Temporal.Now.instant());
  const local = await localBackups(one);
  const stamp = local[0]?.slice(0, 15) ?? '';
  assert.match(stamp, /^\d{8}_\d{6}$/);
  assert.ok(begun <= stamp && stamp <= ended, `${stamp} is not between ${begun} and ${ended}, of São Paulo`);
  assert.deepEqual(
    local,
    ['mordor', 'transactions'].map((name) => `${stamp}/${name}_${stamp}.sql.gz`),
  );
  assert.deepEqual(await remoteBackups(one), local);
  await holdfast(['verify', '--read-data', '--config', 'backups.yml'], one.options);
  for (const name of ['mordor', 'transactions'])
    await assertRestores(join(one.backups, stamp, `${name}_${stamp}.sql.gz`), name);

  const [log = '', ...others] = await filesIn(join(one.backups, 'logs'));
  assert.deepEqual(others, []);
  assert.match(log, /^backup_\d{8}_\d{6}\.log$/);
  assert.ok(begun <= log.slice(7, 22) && log.slice(7, 22) <= ended);
  const text = await readFile(join(one.backups, 'logs', log), 'utf8');
  assert.match(text, /Z INFO Starting backup: /);
  for (const name of ['mordor', 'transactions']) assert.match(text, new RegExp(`Backup location: .*/${name}_${stamp}`));
  assert.match(text, /Z SUCCESS Backup completed successfully in \d+s$/m);
  for (const said of [text, result.stdout, result.stderr]) assert.ok(!said.includes(s3.secretKey));
});

test(
  'seven runs leave exactly the five newest of each target, in the folder and in the bucket',
  { timeout: 300_000 },
  async (t) => {
    await clearOfMidnight('America/Sao_Paulo');
    const one = await withoutVolumes(t);
    const days = [7, 6, 5, 4, 3, 2, 1];
    const dates: string[] = [];
    for (const age of days) {
      dates.push(stampOf(Temporal.Now.instant().subtract({ hours: 24 * age })).slice(0, 8));
      const env = { ...one.options.env, ...fakedClock(`-${age}d`) };
      await holdfast(['backup', '--config', 'backups.yml'], { ...one.options, env });
    }
    const local = await localBackups(one);
    assert.deepEqual(await remoteBackups(one), local);
    for (const name of ['mordor', 'transactions']) {
      const kept = local.filter((key) => key.includes(`/${name}_`)).map((key) => key.slice(0, 8));
      assert.deepEqual(kept, dates.slice(-5));
    }
    assert.equal(local.length, 10);
    // The folders of those that went are gone as well; each run has left its log.
    const everything = await filesIn(one.backups);
    assert.equal(everything.filter((file) => file.startsWith('logs/')).length, days.length);
    for (const date of dates.slice(0, 2)) assert.ok(!everything.some((file) => file.startsWith(date)));
  },
);

test('what the former service left counts among the five, in the folder and in the bucket', async (t) => {
  await clearOfMidnight('America/Sao_Paulo');
  const one = await withoutVolumes(t);
  const theirs = [1, 2, 3, 4, 5, 6].map((day) => `2024010${day}_030000/mordor_2024010${day}_030000.sql.gz`);
  const volume = '20240101_030000/portainer_20240101_030000.tar.gz';
  await putObjects(s3, one.bucket, [...theirs, volume]);
  for (const file of [...theirs, volume].map((key) => join(one.backups, key))) {
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, 'theirs');
  }
  await holdfast(['backup', '--config', 'backups.yml'], one.options);
  const local = await localBackups(one);
  assert.deepEqual(await remoteBackups(one), local);
  assert.deepEqual(local.slice(0, 5), [volume, ...theirs.slice(2)]);
  assert.equal(local.filter((key) => key.includes('/mordor_')).length, 5);
});

test('a target’s own retention_count wins over that of all, in the folder and in the bucket', async (t) => {
  const one = await withoutVolumes(t);
  await one.edit(/(name: "transactions"\n.*\n.*\n)/, '$1    retention_count: 1\n');
  await one.edit('retention_count: 5', 'retention_count: 2');
  for (const age of [4, 3, 2, 1]) {
    const env = { ...one.options.env, ...fakedClock(`-${age}d`) };
    await holdfast(['backup', '--config', 'backups.yml'], { ...one.options, env });
  }
  const local = await localBackups(one);
  assert.deepEqual(await remoteBackups(one), local);
  const kept = (name: string): number => local.filter((key) => key.includes(`/${name}_`)).length;
  assert.deepEqual([kept('mordor'), kept('transactions')], [2, 1]);

  const converted = await holdfast(['config', 'convert', '--config', 'backups.yml'], one.options);
  await writeFile(join(one.options.cwd, 'converted.yaml'), converted.stdout);
  await holdfast(['backup', '--config', 'converted.yaml'], one.options);
  const after = await localBackups(one);
  assert.deepEqual(await remoteBackups(one), after);
  assert.equal(after.length, 3);
  assert.ok(!local.every((key) => after.includes(key)));
});

test('nothing of a target is removed when its newest backup has suddenly shrunk, and the run says so', async (t) => {
  const one = await withoutVolumes(t);
  await postgres.psql('postgres', 'CREATE DATABASE shrinking');
  await postgres.psql('shrinking', "CREATE TABLE words AS SELECT repeat('x', 100) FROM generate_series(1, 1000)");
  await one.edit('database: "mordor"', 'database: "shrinking"');
  await one.edit('retention_count: 5', 'retention_count: 3');
  const backup = async (age: number): Promise<void> => {
    const env = { ...one.options.env, ...fakedClock(`-${age}d`) };
    await holdfast(['backup', '--config', 'backups.yml'], { ...one.options, env });
  };
  for (const age of [4, 3, 2]) await backup(age);
  await postgres.psql('shrinking', 'TRUNCATE words');
  await backup(1);
  const local = await localBackups(one);
  assert.deepEqual(await remoteBackups(one), local);
  const kept = (name: string): number => local.filter((key) => key.includes(`/${name}_`)).length;
  assert.deepEqual([kept('mordor'), kept('transactions')], [4, 3]);
  const logs = (await filesIn(join(one.backups, 'logs'))).sort();
  const text = await readFile(join(one.backups, 'logs', logs.at(-1) ?? ''), 'utf8');
  assert.match(text, /WARNING Retention pruning: nothing of postgres mordor .* is removed: the newest has /);
});

test('a target that is not enabled is passed over, and a new one takes the lines that the document shows', async (t) => {
  const one = await withoutVolumes(t);
  await one.edit(/(name: "transactions"\n.*\n) {4}enabled: true/, '$1    enabled: false');
  const added = `backup_targets:
  - name: "my-new-db"
    type: "database"
    enabled: true
    config:
      host: "${postgres.host}"
      port: ${postgres.port}
      user: "\${POSTGRES_USER}"
      password: "\${POSTGRES_PASSWORD}"
      database: "shire"
`;
  await one.edit('backup_targets:\n', added);
  await holdfast(['backup', '--config', 'backups.yml'], one.options);
  const local = await localBackups(one);
  assert.deepEqual(
    local.map((key) => key.replaceAll(/\d{8}_\d{6}/g, 'T')),
    ['T/mordor_T.sql.gz', 'T/my-new-db_T.sql.gz'],
  );
  assert.deepEqual(await remoteBackups(one), local);
});

test('volumes are refused on their line before anything is touched', async (t) => {
  const one = await orchestrator(t);
  const says = [/backups\.yml:23.*volume_backups\[0\].*"postgres-data"/, /enabled: false/];
  for (const command of ['backup', 'daemon'])
    await assertFails([command, '--config', 'backups.yml'], { status: 1, says }, one.options);
  assert.deepEqual(await filesIn(one.backups), []);
  assert.deepEqual((await bucketContent(s3, one.bucket)).keys, []);
});

test('a target that fails costs none of the others, and the run is partial', async (t) => {
  const one = await withoutVolumes(t);
  await one.edit('database: "transactions"', 'database: "isengard"');
  await assertFails(['backup', '--config', 'backups.yml'], { status: 3, says: [/isengard/] }, one.options);
  const local = await localBackups(one);
  assert.deepEqual(
    local.map((key) => key.replaceAll(/\d{8}_\d{6}/g, 'T')),
    ['T/mordor_T.sql.gz'],
  );
  assert.deepEqual(await remoteBackups(one), local);
});

test('the daemon runs at three in the morning of São Paulo', { timeout: 180_000 }, async (t) => {
  const one = await withoutVolumes(t);
  const now = Temporal.Now.zonedDateTimeISO('America/Sao_Paulo');
  const three = now.add({ days: 1 }).withPlainTime('03:00');
  // Time enough for a slow machine to start it.
  const clock = clockAt(new Date(three.epochMilliseconds - 15_000));
  const daemon = startHoldfast(['daemon', '--config', 'backups.yml'], {
    ...one.options,
    env: { ...one.options.env, ...clock },
  });
  await daemon.shows(/SUCCESS Backup iteration #1 completed/);
  daemon.kill('SIGTERM');
  const { status, stdout } = await daemon.ended;
  assert.equal(status, 0);
  const day = stampOf(three.toInstant()).slice(0, 8);
  const local = await localBackups(one);
  assert.equal(local.length, 2);
  for (const key of local) assert.match(key, new RegExp(`^${day}_0300[0-5]\\d/`));
  assert.deepEqual(await remoteBackups(one), local);
  const next = three.add({ days: 1 }).toInstant().toString();
  assert.ok(stdout.includes(`Next backup scheduled for: ${next}`), stdout);
});

test('config convert keeps what stands in the file itself: without its passwords the new one would not run', async (t) => {
  const one = await withoutVolumes(t);
  await one.edit(/"\$\{(?:POSTGRES|TRANSACTIONS)_(?:USER|PASSWORD)\}"/g, '"admin"');
  const { stdout } = await holdfast(['config', 'convert', '--config', 'backups.yml'], one.options);
  await writeFile(join(one.options.cwd, 'converted.yaml'), stdout);
  await holdfast(['backup', '--config', 'converted.yaml'], one.options);
  assert.equal((await localBackups(one)).length, 2);
  const asked = ['config', 'convert', '--json', '--config', 'backups.yml'];
  const document = JSON.parse((await holdfast(asked, one.options)).stdout) as { readonly yaml: string };
  assert.equal(document.yaml, stdout);
});

test('config convert writes a file that means the same jobs', async (t) => {
  const one = await withoutVolumes(t);
  const show = async (file: string): Promise<unknown> =>
    (
      JSON.parse((await holdfast(['config', 'show', '--json', '--config', file], one.options)).stdout) as {
        jobs: unknown;
      }
    ).jobs;
  const converted = await holdfast(['config', 'convert', '--config', 'backups.yml'], one.options);
  assert.ok(!converted.stdout.includes(s3.secretKey));
  await writeFile(join(one.options.cwd, 'converted.yaml'), converted.stdout);
  assert.deepEqual(await show('converted.yaml'), await show('backups.yml'));
  await holdfast(['backup', '--config', 'converted.yaml'], one.options);
  assert.equal((await localBackups(one)).length, 2);
});
