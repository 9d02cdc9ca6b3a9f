import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test, type TestContext } from 'node:test';
import { startPostgres, type PostgresServer } from '../servers/postgres.ts';
import { sharedS3Server, type S3Server } from '../servers/s3.ts';
import { runHoldfast } from './holdfast.ts';
import { assertFails, filesIn, holdfast, scratchFolder, type ListedPoint } from './scratch.ts';

let server: PostgresServer;
let s3: S3Server;

before(async () => {
  [server, s3] = await Promise.all([startPostgres(), sharedS3Server()]);
  await server.psql('postgres', 'CREATE DATABASE shop');
  await server.psql(
    'shop',
    "CREATE TABLE users (id integer PRIMARY KEY, name text); INSERT INTO users VALUES (1, 'Ada')",
  );
});

after(async () => {
  await Promise.all([server.stop(), s3.stop()]);
});

const whole = `
stores:
  offsite:
    type: s3
    bucket: '\${BUCKET}'
    prefix: prod/
    endpoint: '\${S3_ENDPOINT}'
    accessKeyId: '\${S3_KEY}'
    secretAccessKey: '\${S3_SECRET}'
  nas: { type: local, path: '\${VAULT_FOLDER:-./backups}' }
vaults:
  main:
    type: archive
    store: offsite
    compression: { algorithm: zstd, level: '\${LEVEL:-3}' }
    encryption: { type: openssl, passphrase: '\${PHRASE}' }
  plain: { type: archive, store: nas }
jobs:
  app:
    sources:
      - { type: postgres, url: '\${DATABASE_URL}', databases: ['shop'], globals: true, format: custom }
      - { type: directory, path: ./files, exclude: ['*.tmp'] }
    vaults: [main, plain]
    tags: [nightly]
    limits: { uploadKBps: 20000, connections: 4 }
  report:
    sources: [{ type: command, command: 'printf "price: $%s" 5', fileName: report.txt }]
    vaults: [plain]
`;

/** A folder with the whole configuration, and what its variables need. */
async function setUp(t: TestContext) {
  const folder = await scratchFolder(t);
  await mkdir(join(folder, 'files'));
  await writeFile(join(folder, 'files/a.txt'), 'alpha');
  await writeFile(join(folder, 'files/b.tmp'), 'not this one');
  await writeFile(join(folder, 'phrase'), 'from a Docker secret\n');
  await writeFile(join(folder, 'holdfast.yaml'), whole);
  const env = {
    BUCKET: await s3.createBucket(),
    S3_ENDPOINT: s3.endpoint,
    S3_KEY: s3.accessKey,
    S3_SECRET: s3.secretKey,
    PHRASE_FILE: join(folder, 'phrase'),
    DATABASE_URL: server.url(''),
  };
  return { folder, options: { cwd: folder, env } };
}

async function pointsIn(options: object, ...args: string[]): Promise<ListedPoint[]> {
  const { stdout } = await holdfast(['list', '--json', ...args], options);
  return (JSON.parse(stdout) as { restorePoints: ListedPoint[] }).restorePoints;
}

const namesOf = (points: readonly ListedPoint[]): string[] => points.map(({ source }) => source.name).toSorted();

test('a whole configuration runs: two vaults, variables, defaults, a secret file, limits, and all comes back', async (t) => {
  const { folder, options } = await setUp(t);
  await holdfast(['config', 'check'], options);
  await holdfast(['backup'], options);
  assert.deepEqual(namesOf(await pointsIn(options, '--vault', 'main')), ['files', 'globals', 'shop']);
  assert.deepEqual(namesOf(await pointsIn(options, '--vault', 'plain')), ['files', 'globals', 'printf', 'shop']);
  assert.deepEqual(namesOf(await pointsIn(options, '--tag', 'nightly', '--vault', 'main')), [
    'files',
    'globals',
    'shop',
  ]);
  assert.ok(
    (await filesIn(join(folder, 'backups'))).some((file) => file.endsWith('/shop.dump.gz')),
    'the default folder',
  );

  for (const vault of ['main', 'plain']) {
    const find = ['--vault', vault, '--source'];
    await holdfast(['restore', 'latest', ...find, 'files', '--target', join(folder, vault)], options);
    assert.deepEqual(await filesIn(join(folder, vault)), ['a.txt']);
    await holdfast(['restore', 'latest', ...find, 'shop', '--to', server.url(`shop_${vault}`)], options);
    assert.deepEqual(await server.query(`shop_${vault}`, 'SELECT * FROM users'), [{ id: 1, name: 'Ada' }]);
  }
  const { stdout } = await holdfast(['dump', 'latest', '--source', 'printf'], options);
  assert.equal(stdout, 'price: $5');
  const sealed = { ...options, env: { ...options.env, PHRASE: 'another passphrase' } };
  await assertFails(
    ['restore', 'latest', '--vault', 'main', '--source', 'files', '--target', join(folder, 'x')],
    { status: 12, says: [/key|passphrase/] },
    sealed,
  );
  assert.deepEqual(await filesIn(join(folder, 'x')), []);
});

test('--job runs one job alone, and an unknown one is answered with the names of all', async (t) => {
  const { options } = await setUp(t);
  await holdfast(['backup', '--job', 'report'], options);
  assert.deepEqual(namesOf(await pointsIn(options, '--vault', 'plain')), ['printf']);
  await assertFails(
    ['backup', '--job', 'reports'],
    { status: 1, says: [/no job named "reports"/, /app, report/] },
    options,
  );
  await assertFails(
    ['list', '--vault', 'mian'],
    { status: 1, says: [/no vault named "mian"/, /main, plain/] },
    options,
  );
});

test('when one vault is lost, the other still lists and restores', async (t) => {
  const { folder, options } = await setUp(t);
  await holdfast(['backup'], options);
  const lost = { ...options, env: { ...options.env, BUCKET: 'no-such-bucket' } };
  const listed = await runHoldfast(['list'], lost);
  assert.equal(listed.status, 3, listed.stderr);
  assert.match(listed.stderr, /there is no bucket "no-such-bucket"/);
  // The latest that is left may not be the latest that there was: it comes back, and the status says so.
  const latest = ['restore', 'latest', '--source', 'files', '--target', join(folder, 'back')];
  assert.equal((await runHoldfast(latest, lost)).status, 3);
  assert.deepEqual(await filesIn(join(folder, 'back')), ['a.txt']);
  const { stdout } = await runHoldfast(['list', '--source', 'files', '--json'], lost);
  const { restorePoints } = JSON.parse(stdout) as { restorePoints: { id: string }[] };
  await holdfast(['restore', restorePoints[0]!.id, '--target', join(folder, 'by-id')], lost);
});

test('config show prints what a run would do, with the variables filled in', async (t) => {
  const { folder, options } = await setUp(t);
  const { stdout } = await holdfast(['config', 'show', '--json'], options);
  const { jobs } = JSON.parse(stdout) as { jobs: { name: string; vaults: { store: { path?: string } }[] }[] };
  assert.deepEqual(
    jobs.map(({ name }) => name),
    ['app', 'report'],
  );
  assert.equal(jobs[1]?.vaults[0]?.store.path, './backups');
  assert.deepEqual(await filesIn(join(folder, 'backups')), [], 'nothing was made');
});

test('a command that fails, ends by a signal or writes nothing leaves no restore point; its output comes back equal', async (t) => {
  const folder = await scratchFolder(t);
  const options = { cwd: folder };
  const configure = (command: string, more = ''): Promise<void> =>
    writeFile(
      join(folder, 'holdfast.yaml'),
      `stores: { disk: { type: local, path: ./vault } }
vaults: { main: { type: archive, store: disk } }
jobs: { app: { sources: [{ type: command, name: numbers, command: ${JSON.stringify(command)}, fileName: numbers.txt${more} }], vaults: [main] } }
`,
    );
  const failing: [string, RegExp][] = [
    ['seq 1 100000; echo the disk is on fire >&2; exit 7', /the disk is on fire/],
    ['seq 1 100000; kill -9 $$', /SIGKILL/],
    ['seq 1 100000 | (cat; exit 3)', /exit status 3|status 3/],
    ['false | seq 1 10', /status 1|exit status/],
    ['true', /wrote nothing|nothing/],
    ['no-such-program-here', /no-such-program-here/],
  ];
  for (const [command, words] of failing) {
    await configure(command);
    await assertFails(['backup'], { status: 2, says: [words] }, options);
    assert.deepEqual(await filesIn(join(folder, 'vault')), [], command);
  }
  await configure('sleep 60', ', timeoutMs: 300');
  await assertFails(['backup'], { status: 2, says: [/300|0\.3 s|time/] }, options);

  await configure('seq 1 100000');
  await holdfast(['backup'], options);
  const numbers = Array.from({ length: 100_000 }, (_, index) => `${index + 1}\n`).join('');
  assert.equal((await holdfast(['dump', 'latest', '--from', './vault'], options)).stdout, numbers);
  await holdfast(['restore', 'latest', '--from', './vault', '--target', './back'], options);
  assert.equal(await readFile(join(folder, 'back/numbers.txt'), 'utf8'), numbers);
});
