/** The files that stand in the documents of other services, as they are, become the jobs that these services run. */
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { hasCode } from '../../src/base/errors.ts';
import { readConfiguration, readOverrides } from '../../src/config/readers.ts';
import { assertConverts, documents, folderWith, onlyJob } from './converting.ts';

test('directories to a bucket: the YAML with backup.s3 becomes a mirror that is repeated', async (t) => {
  const folder = await folderWith(t, { 'backup_config.yaml': 'backup_config.yaml' });
  const configuration = await readConfiguration(join(folder, 'backup_config.yaml'), {});
  assert.deepEqual(onlyJob(configuration), {
    name: 'backup',
    sources: [
      {
        type: 'directories',
        name: 'files',
        directories: [
          { type: 'directory', path: '/data' },
          { type: 'directory', path: '/logs' },
        ],
      },
    ],
    vaults: [
      {
        name: 'mirror',
        spec: {
          type: 'mirror',
          layout: '',
          manifestKey: '.backup_manifest.json',
          localManifest: '.backup_manifest.json',
        },
        store: { type: 's3', bucket: 'document-portal-s3', prefix: 'backups/' },
      },
    ],
    tags: [],
    limits: {},
    schedule: { everySeconds: 900 },
    notify: [],
    lock: { key: 'lock' },
    log: { style: 'events', level: 'info' },
  });
  await assertConverts(configuration, folder, {});
});

test('what the command line says wins over the file with backup.s3, and is enough without one', async (t) => {
  const folder = await folderWith(t, { 'backup_config.yaml': 'backup_config.yaml' });
  const file = join(folder, 'backup_config.yaml');
  const environment = { BACKUP_MANIFEST: '/state/portal.json', LOG_LEVEL: 'WARNING' };
  const said = {
    bucket: 'my-bucket',
    prefix: 'adhoc/',
    dirs: ['/app/data'],
    intervalSeconds: 3600,
    incremental: false,
  };
  const job = onlyJob(await readConfiguration(file, environment, said));
  assert.deepEqual(job.vaults[0]?.store, { type: 's3', bucket: 'my-bucket', prefix: 'adhoc/' });
  assert.deepEqual(job.vaults[0]?.spec, {
    type: 'mirror',
    layout: '',
    manifestKey: 'portal.json',
    localManifest: '/state/portal.json',
    full: true,
  });
  assert.deepEqual(job.schedule, { everySeconds: 3600 });
  assert.equal(job.log?.level, 'warn');

  const archive = onlyJob(await readConfiguration(file, {}, { archive: true, once: true }));
  assert.deepEqual(archive.vaults[0]?.spec, { type: 'archive', layout: 'backup_{date}_{time}' });
  assert.equal(archive.schedule, undefined);

  const alone = onlyJob(readOverrides(said, environment));
  assert.deepEqual(alone, job);
});

test('databases of one orchestrator: with its volumes switched off, the file and its stack.env become one job', async (t) => {
  const folder = await folderWith(t, { 'stack.env': 'stack.env' });
  const text = await readFile(join(documents, 'backups.yml'), 'utf8');
  const volumesAt = text.indexOf('volume_backups:');
  const file = join(folder, 'backups.yml');
  await writeFile(file, text.slice(0, volumesAt) + text.slice(volumesAt).replace('enabled: true', 'enabled: false'));
  const configuration = await readConfiguration(file, {});
  const keys = { accessKeyId: 'your_access_key', secretAccessKey: 'your_secret_key' };
  const spec = {
    type: 'archive',
    compression: { algorithm: 'gzip', level: 6 },
    layout: '{date}_{time}/{source}_{date}_{time}',
    pruneForeign: true,
    timezone: 'America/Sao_Paulo',
  };
  assert.deepEqual(onlyJob(configuration), {
    name: 'backup',
    sources: [
      { type: 'postgres', name: 'mordor', url: 'postgres://admin:admin@postgres:5432/mordor' },
      { type: 'postgres', name: 'transactions', url: 'postgres://admin:admin@transactions:5433/transactions' },
    ],
    vaults: [
      { name: 'disk', spec, store: { type: 'local', path: '/backups' } },
      { name: 's3', spec, store: { type: 's3', bucket: 'your-bucket-name', region: 'us-east-1', ...keys } },
    ],
    tags: [],
    limits: {},
    schedule: { cron: '0 3 * * *', timezone: 'America/Sao_Paulo' },
    retention: { last: 5 },
    notify: [],
    log: { runDir: '/backups/logs' },
  });
  const converted = await assertConverts(configuration, folder, {});
  assert.match(converted, /password: \$\{POSTGRES_PASSWORD\}/);
});

test('databases of one orchestrator: what is kept of one target alone', async (t) => {
  const folder = await folderWith(t, { 'stack.env': 'stack.env' });
  const text = await readFile(join(documents, 'backups.yml'), 'utf8');
  const [targets = '', rest = ''] = text.split('volume_backups:');
  const own = targets.replace('type: "database"', 'type: "database"\n    retention_count: 30');
  const file = join(folder, 'backups.yml');
  await writeFile(file, `${own}${rest.slice(rest.indexOf('backup_config:'))}`);
  const configuration = await readConfiguration(file, {});
  const job = onlyJob(configuration);
  assert.deepEqual(
    job.sources.map(({ retention }) => retention),
    [{ last: 30 }, undefined],
  );
  assert.deepEqual(job.retention, { last: 5 });
  await assertConverts(configuration, folder, {});
});

test('databases of one orchestrator: the zone is TZ’s, a target that is switched off is left out, any password is kept', async (t) => {
  const folder = await folderWith(t, { 'stack.env': 'stack.env' });
  const text = await readFile(join(documents, 'backups.yml'), 'utf8');
  const file = join(folder, 'backups.yml');
  const [targets = '', rest = ''] = text.replace('enabled: true', 'enabled: false').split('volume_backups:');
  await writeFile(file, `${targets}${rest.slice(rest.indexOf('backup_config:'))}`);
  const environment = { TZ: 'Europe/Rome', TRANSACTIONS_PASSWORD: 'a@b:c/d?e#%f ${x}' };
  const configuration = await readConfiguration(file, environment);
  const job = onlyJob(configuration);
  assert.deepEqual(job.schedule, { cron: '0 3 * * *', timezone: 'Europe/Rome' });
  const [source] = job.sources;
  assert.ok(job.sources.length === 1 && source?.type === 'postgres');
  assert.equal(decodeURIComponent(new URL(source.url ?? '').password), environment.TRANSACTIONS_PASSWORD);
  const converted = await assertConverts(configuration, folder, environment);
  assert.ok(!converted.includes('a@b:c'), 'a secret out of a variable is not written down');
});

test('databases of one orchestrator: volumes are refused, each on its line, until they can be backed up', async (t) => {
  const folder = await folderWith(t, { 'backups.yml': 'backups.yml', 'stack.env': 'stack.env' });
  await assert.rejects(readConfiguration(join(folder, 'backups.yml'), {}), (error) => {
    assert.ok(hasCode(error, 'config/invalid'));
    assert.match(
      error.message,
      /has a mistake:\n.*backups\.yml:23: volume_backups\[0\]: the volume "postgres-data" can't be backed up in this version/,
    );
    return true;
  });
});

const formBackup = {
  name: 'Test Backup',
  sources: [{ type: 'directories', name: 'files', directories: [{ type: 'directory', path: '/data/test' }] }],
  vaults: [
    {
      name: 's3',
      spec: { type: 'archive', compression: { algorithm: 'gzip' } },
      store: {
        type: 's3',
        bucket: 'my-bucket',
        region: 'us-east-1',
        endpoint: 'https://s3.example.com',
        accessKeyId: 'your-access-key-id',
        secretAccessKey: 'your-secret-access-key',
      },
    },
  ],
  tags: [],
  limits: {},
  schedule: { cron: '0 2 * * *', timezone: 'UTC' },
  retention: { days: 30 },
  notify: [],
};

test('backup configurations in JSON: the document’s own, with its .env, becomes an archive', async (t) => {
  const folder = await folderWith(t, { 'backup-config.json': 'backup-config.json', '.env': 'app.env' });
  const configuration = await readConfiguration(join(folder, 'backup-config.json'), {});
  assert.deepEqual(onlyJob(configuration), formBackup);
  await assertConverts(configuration, folder, {});
});

test('backup configurations in JSON: a list, or a list under "configs", with every option of the schema', async (t) => {
  const folder = await folderWith(t, { '.env': 'app.env' });
  const first = JSON.parse(await readFile(join(documents, 'backup-config.json'), 'utf8')) as Record<string, unknown>;
  const second = {
    name: 'Nightly',
    enabled: true,
    sources: [{ path: '/srv', excludePatterns: ['*.tmp'], includePatterns: ['**/*.txt'] }],
    destination: { bucket: 'b', region: 'eu-west-1', prefix: 'p/', endpoint: 'http://127.0.0.1:9000' },
    schedule: { cronExpression: '30 4 * * 1-5', timezone: 'Asia/Tokyo' },
    options: {
      type: 'full',
      compression: true,
      compressionLevel: 9,
      encryption: true,
      retentionDays: 7,
      bandwidth: 500,
    },
  };
  const third = {
    ...second,
    name: 'Off',
    enabled: false,
    options: { type: 'full', compression: false, encryption: false },
  };
  for (const document of [[first, second, third], { configs: [first, second, third] }]) {
    const file = join(folder, 'configs.json');
    await writeFile(file, JSON.stringify(document));
    const configuration = await readConfiguration(file, {});
    const [one, two, ...more] = configuration.jobs;
    assert.deepEqual(one, { ...formBackup, vaults: [{ ...formBackup.vaults[0], name: 's3-1' }] });
    assert.deepEqual(more, [], 'what is switched off is no job');
    assert.equal(configuration.vaults.length, 3, 'and can still be restored from');
    assert.deepEqual(two?.sources, [
      {
        type: 'directories',
        name: 'files',
        directories: [{ type: 'directory', path: '/srv', include: ['**/*.txt'], exclude: ['*.tmp'] }],
      },
    ]);
    assert.deepEqual(two?.vaults[0]?.spec, {
      type: 'archive',
      compression: { algorithm: 'gzip', level: 9 },
      encryption: { type: 'openssl', passphrase: 'your-encryption-key-here' },
    });
    assert.equal(two?.vaults[0]?.store.type === 's3' && two.vaults[0].store.endpoint, 'http://127.0.0.1:9000');
    assert.deepEqual(two?.limits, { uploadKBps: 500 });
    assert.deepEqual(two?.schedule, { cron: '30 4 * * 1-5', timezone: 'Asia/Tokyo' });
    assert.deepEqual(configuration.vaults[2]?.spec, { type: 'archive', compression: { algorithm: 'none' } });
    const converted = await assertConverts(configuration, folder, {});
    assert.ok(!converted.includes('your-encryption-key-here'));
  }
});

test('options that say what stands in the file are refused with a file of another shape, rather than passed over', async (t) => {
  const folder = await folderWith(t, { 'backup-config.json': 'backup-config.json' });
  const file = join(folder, 'backup-config.json');
  await assert.rejects(readConfiguration(file, {}, { bucket: 'b', archive: true }), (error) => {
    assert.ok(hasCode(error, 'config/invalid'));
    assert.match(error.message, /--bucket, --archive/);
    return true;
  });
  assert.equal((await readConfiguration(file, {}, { once: true, intervalSeconds: 5 })).jobs.length, 1);
});
