import assert from 'node:assert/strict';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { startPostgres, type PostgresServer } from '../servers/postgres.ts';
import { createHoldableDatabase, holdDump } from './held-dump.ts';
import { runHoldfast, type HoldfastResult } from './holdfast.ts';
import { filesIn, scratchFolder } from './scratch.ts';

let server: PostgresServer;
let secrets: readonly string[];
/** What only our server has in its password: the processes of other tests, which may be starting, are seen as well. */
let ownSecret: string;
const passphrase = 'a passphrase that nobody may see';

before(async () => {
  server = await startPostgres();
  await createHoldableDatabase(server, 'held');
  secrets = [server.password, encodeURIComponent(server.password), 'p@ss/w', 'p%40ss', passphrase];
  ownSecret = server.password.split(' ').at(-1)!;
});

after(() => server.stop());

function assertHidden(text: string, where: string): void {
  for (const secret of secrets) assert.ok(!text.includes(secret), `${where} shows "${secret}":\n${text}`);
}

function assertSilent({ stdout, stderr }: HoldfastResult): void {
  assertHidden(stdout, 'stdout');
  assertHidden(stderr, 'stderr');
}

/** Every command line of the machine. */
async function commandLines(): Promise<string[]> {
  const processes = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  return Promise.all(processes.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')));
}

test('a password in the URL stands in no command line while the dump runs, and in nothing that is kept or said', async (t) => {
  const disk = await scratchFolder(t);
  const held = await holdDump(server, 'held');
  const running = runHoldfast(['backup', server.url('held'), '--to', disk, '--json', '--log-level', 'debug']);
  await held.waiting();
  const lines = await commandLines();
  await held.release();
  const result = await running;
  assert.equal(result.status, 0, result.stderr);
  assert.ok(
    lines.some((line) => line.includes('pg_dump') && line.includes('held')),
    'pg_dump was seen',
  );
  assert.ok(
    lines.some((line) => line.startsWith(`holdfast backup postgres://postgres:********@127.0.0.1:${server.port}/`)),
    'we were seen',
  );
  for (const line of lines) assert.ok(!line.includes(ownSecret), `a command line shows the password:\n${line}`);
  assertSilent(result);
  assert.match(result.stderr, /dumping 127\.0\.0\.1/, 'the log was on');
  const kept = await filesIn(disk);
  assert.equal(kept.length, 2);
  for (const file of kept.filter((name) => name.endsWith('.json')))
    assertHidden(await readFile(join(disk, file), 'utf8'), file);
});

test('a restore shows the password nowhere either', async (t) => {
  const disk = await scratchFolder(t);
  const backup = await runHoldfast(['backup', server.url('postgres'), '--to', disk]);
  assert.equal(backup.status, 0, backup.stderr);
  for (const more of [['--log-level', 'debug'], ['--json']]) {
    const to = server.url(`again_${more.length}`);
    const result = await runHoldfast(['restore', 'latest', '--from', disk, '--to', to, ...more]);
    assert.equal(result.status, 0, result.stderr);
    assertSilent(result);
  }
});

test('no failure shows the password: wrong password, no such database, wrong port, a bad address', async (t) => {
  const disk = await scratchFolder(t);
  const url = server.url('held');
  const failing = [
    url.replace('postgres:', 'postgres:').replace('%25rd', '%25rd-wrong'),
    server.url('no such database'),
    url.replace(`:${server.port}/`, ':1/'),
    url.replace(`:${server.port}/`, ':99999/'),
    url.replace('127.0.0.1', 'no-such-host.invalid'),
    `${url}?sslmode=nonsense`,
    `${url}?sslrootcert=/nowhere/ca.pem&sslmode=verify-full`,
  ];
  for (const address of failing)
    for (const more of [[], ['--json'], ['--log-level', 'debug']]) {
      const result = await runHoldfast(['backup', address, '--to', disk, ...more]);
      assert.ok(result.status === 1 || result.status === 2, `${address}: ${result.status}`);
      assertSilent(result);
      assert.notEqual(result.stderr, '');
    }
  assert.deepEqual(await filesIn(disk), []);
});

test('config show and config check hide every secret of a configuration, a wrong one too', async (t) => {
  const folder = await scratchFolder(t);
  const configuration = (type: string): string => `
stores:
  disk: { type: local, path: ${folder}/vault }
  away: { type: s3, bucket: b, accessKeyId: AKIA0, secretAccessKey: '\${S3_SECRET}' }
vaults:
  main: { type: archive, store: disk, encryption: { type: openssl, passphrase: '\${PHRASE}' } }
jobs:
  app: { sources: [{ type: ${type}, url: '\${DATABASE_URL}' }], vaults: [main] }
`;
  await writeFile(`${folder}/phrase`, `${passphrase}\n`);
  const s3Secret = 'an S3 secret of forty letters or so';
  const env = { DATABASE_URL: server.url('held'), PHRASE_FILE: `${folder}/phrase`, S3_SECRET: s3Secret };
  for (const type of ['postgres', 'mysql']) {
    await writeFile(`${folder}/holdfast.yaml`, configuration(type));
    for (const command of [['config', 'show'], ['config', 'check'], ['config', 'show', '--json'], ['doctor']]) {
      const result = await runHoldfast(command, { cwd: folder, env });
      if (command[0] === 'config') assert.equal(result.status, type === 'postgres' ? 0 : 1, result.stderr);
      assertSilent(result);
      assert.ok(!(result.stdout + result.stderr).includes(s3Secret));
    }
  }
});
