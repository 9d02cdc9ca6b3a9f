/** The environments of other services become the jobs that these services run. */
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseEnvFile } from '../../src/config/variables/env-file.ts';
import { readConfiguration, readEnvironmentConfiguration } from '../../src/config/readers.ts';
import { assertConverts, documents, folderWith, onlyJob } from './converting.ts';

/** 5 s, 10 s, 20 s, …: by no chance shorter, and not cut off. */
const exactPauses = { jitter: false, maxDelayMs: 3_600_000, deadlineMs: 86_400_000 };

const containerJob = {
  name: 'backup',
  sources: [{ type: 'postgres', url: 'postgresql://postgres:s3cret-Passw0rd@prod-db.railway.internal:5432/myapp' }],
  vaults: [
    {
      name: 's3',
      spec: {
        type: 'archive',
        compression: { algorithm: 'gzip', level: 6 },
        layout: 'backup_{date}_{time}',
        pruneForeign: true,
      },
      store: {
        type: 's3',
        endpoint: 'https://s3.amazonaws.com',
        bucket: 'my-backups',
        prefix: 'postgres-backups',
        region: 'us-east-1',
        accessKeyId: 'AKIAEXAMPLE',
        secretAccessKey: 'wJalrXUtnFEMI/K7MDENG',
      },
      retry: { attempts: 3, baseDelayMs: 5000, ...exactPauses },
    },
  ],
  tags: [],
  limits: {},
  schedule: { everySeconds: 3600 },
  retention: { days: 7 },
  notify: [],
  log: { style: 'text', level: 'info' },
};

test('a container by its environment: what is required is enough, the defaults are the document’s', async (t) => {
  const environment = parseEnvFile(await readFile(join(documents, 'container.env'), 'utf8'));
  const configuration = readEnvironmentConfiguration(environment) ?? assert.fail();
  assert.deepEqual(onlyJob(configuration), containerJob);
  const required = Object.keys(environment).slice(0, 5);
  const few = Object.fromEntries(required.map((name) => [name, environment[name]]));
  assert.deepEqual(readEnvironmentConfiguration(few)?.jobs, configuration.jobs);

  const folder = await folderWith(t, { 'container.env': 'container.env' });
  assert.deepEqual((await readConfiguration(join(folder, 'container.env'), {})).jobs, configuration.jobs);
  const converted = await assertConverts(configuration, folder, environment);
  for (const secret of ['s3cret-Passw0rd', 'wJalrXUtnFEMI']) assert.ok(!converted.includes(secret));
});

test('a container by its environment: PG… variables, encryption, webhook, retries, debug, secrets in files', async (t) => {
  const folder = await folderWith(t, {});
  const key = 'an encryption key of more than 32 characters';
  await writeFile(join(folder, 'key'), `${key}\n`);
  const { DATABASE_URL: _, ...rest } = parseEnvFile(await readFile(join(documents, 'container.env'), 'utf8'));
  const environment = {
    ...rest,
    PGHOST: 'db',
    PGPORT: '5433',
    PGUSER: 'me',
    PGPASSWORD: 'p@ss/word',
    PGDATABASE: 'shop',
    BACKUP_ENCRYPTION: 'true',
    BACKUP_ENCRYPTION_KEY_FILE: join(folder, 'key'),
    WEBHOOK_URL: 'https://hooks.slack.com/services/T000/B000/XXXX',
    WEBHOOK_ON_SUCCESS: 'true',
    RETRY_ATTEMPTS: '5',
    RETRY_DELAY: '1',
    DEBUG: 'true',
  };
  const configuration = readEnvironmentConfiguration(environment) ?? assert.fail();
  const job = onlyJob(configuration);
  assert.deepEqual(job.sources, [{ type: 'postgres', url: 'postgres://me:p%40ss%2Fword@db:5433/shop' }]);
  const { spec, retry } = job.vaults[0] ?? assert.fail();
  assert.deepEqual(spec.type === 'archive' && spec.encryption, { type: 'openssl', passphrase: key });
  assert.deepEqual(retry, { attempts: 5, baseDelayMs: 1000, ...exactPauses });
  assert.deepEqual(job.notify, [
    {
      name: 'webhook',
      type: 'webhook',
      url: environment.WEBHOOK_URL,
      onSuccess: true,
      onFailure: true,
      attempts: 5,
      delaySeconds: 1,
    },
  ]);
  assert.equal(job.log?.level, 'debug');
  const converted = await assertConverts(configuration, folder, environment);
  for (const secret of [key, 'p@ss', 'XXXX']) assert.ok(!converted.includes(secret));
});

test('an application by its environment: a bucket with KMS keys or a folder, every night at one o’clock UTC', async (t) => {
  const folder = await folderWith(t, {});
  const environment = parseEnvFile(await readFile(join(documents, 'application.env'), 'utf8'));
  const configuration = readEnvironmentConfiguration(environment) ?? assert.fail();
  assert.deepEqual(onlyJob(configuration), {
    name: 'backup',
    sources: [{ type: 'postgres', url: 'postgresql://app:s3cret-Passw0rd@db:5432/app' }],
    vaults: [
      { name: 's3', spec: { type: 'archive' }, store: { type: 's3', bucket: 'app-backups', sse: { type: 'aws:kms' } } },
    ],
    tags: [],
    limits: {},
    schedule: { cron: '0 1 * * *', timezone: 'UTC' },
    retention: { days: 365 },
    notify: [],
  });
  await assertConverts(configuration, folder, environment);
  const local = readEnvironmentConfiguration({ ...environment, BACKUP_S3_ENABLED: 'false', BACKUP_LOCAL_DIR: '' });
  assert.deepEqual(local?.vaults[0]?.store, { type: 'local', path: './backups' });
});

test('an environment without such variables is no configuration', () => {
  assert.equal(
    readEnvironmentConfiguration({ DATABASE_URL: 'postgres://db/x', HOME: '/root', S3_BUCKET: '' }),
    undefined,
  );
});

test('API_KEYS is expanded before anything else, and does not win over what is set', async (t) => {
  const folder = await folderWith(t, { 'backup_config.yaml': 'backup_config.yaml' });
  const bundle = { AWS_ACCESS_KEY_ID: 'AKIABUNDLE', AWS_SECRET_ACCESS_KEY: 'bundled-secret', LOG_LEVEL: 'DEBUG' };
  const environment = { API_KEYS: JSON.stringify(bundle), LOG_LEVEL: 'ERROR' };
  const job = onlyJob(await readConfiguration(join(folder, 'backup_config.yaml'), environment));
  assert.deepEqual(job.vaults[0]?.store, {
    type: 's3',
    bucket: 'document-portal-s3',
    prefix: 'backups/',
    accessKeyId: 'AKIABUNDLE',
    secretAccessKey: 'bundled-secret',
  });
  assert.equal(job.log?.level, 'error');
});

test('variables: the environment wins over stack.env, which wins over .env', async (t) => {
  const folder = await folderWith(t, {});
  await writeFile(join(folder, '.env'), 'A=from .env\nB=from .env\nC=from .env\n');
  await writeFile(join(folder, 'stack.env'), 'A=from stack.env\nB=from stack.env\n');
  const file = join(folder, 'holdfast.yaml');
  const path = "'${A}, ${B}, ${C}, ${D:-no one}, $${A}'";
  await writeFile(
    file,
    `stores: { s: { type: local, path: ${path} } }\nvaults: { v: { type: archive, store: s } }\njobs: {}\n`,
  );
  const { vaults } = await readConfiguration(file, { A: 'from outside', B: '' });
  const expected = 'from outside, from stack.env, from .env, no one, ${A}';
  assert.deepEqual(vaults[0]?.store, { type: 'local', path: expected });
});
