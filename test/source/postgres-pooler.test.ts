import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chown, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';
import type { HoldfastError } from '../../src/base/errors.ts';
import { dumpAll } from '../fixtures/postgres-dumps.ts';
import { freePort, type PostgresServer, serverUser, startPostgres } from '../servers/postgres.ts';
import { pgbouncerProgram } from '../servers/postgres-versions.ts';

interface Pooler {
  readonly url: string;
  stop(): Promise<void>;
}

async function startPgbouncer(server: PostgresServer, mode: 'transaction' | 'session'): Promise<Pooler> {
  const folder = await mkdtemp(path.join(tmpdir(), 'hf-bouncer-'));
  const port = await freePort();
  const settings = `[databases]
shop = host=${server.socketDir} port=${server.port} user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = ${mode}
ignore_startup_parameters = extra_float_digits,options
`;
  await writeFile(path.join(folder, 'pgbouncer.ini'), settings, { mode: 0o644 });
  const user = await serverUser();
  if (user.uid !== undefined && user.gid !== undefined) await chown(folder, user.uid, user.gid);
  const child = spawn(await pgbouncerProgram(), [path.join(folder, 'pgbouncer.ini')], {
    ...user,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (log += text));
  child.stdout.resume();
  const url = `postgres://postgres@127.0.0.1:${port}/shop`;
  for (let tries = 0; ; tries += 1) {
    const client = new Client({ connectionString: url });
    client.on('error', () => {});
    try {
      await client.connect();
      await client.end();
      break;
    } catch (error) {
      if (tries > 1000 || child.exitCode !== null) throw new Error(`pgbouncer did not start: ${log}`, { cause: error });
      await delay(50);
    }
  }
  const stop = async (): Promise<void> => {
    const ended = once(child, 'exit');
    child.kill('SIGQUIT');
    await ended;
    await rm(folder, { recursive: true });
  };
  return { url, stop };
}

describe('a dump through pgbouncer', () => {
  let server: PostgresServer;
  before(async () => {
    server = await startPostgres();
    await server.psql('postgres', 'CREATE DATABASE shop');
    await server.psql('shop', 'CREATE TABLE t AS SELECT 1 AS one');
  });
  after(() => server.stop('immediate'));

  test('that changes the server session between transactions is source/pooler and asks for the direct address', async () => {
    const pooler = await startPgbouncer(server, 'transaction');
    try {
      await assert.rejects(dumpAll({ url: pooler.url }), (error: HoldfastError) => {
        assert.equal(error.code, 'source/pooler', error.message);
        assert.match(error.hint ?? '', /direct/);
        return true;
      });
    } finally {
      await pooler.stop();
    }
  });

  test('that keeps one server session for each of ours works', async () => {
    const pooler = await startPgbouncer(server, 'session');
    try {
      const [dump] = await dumpAll({ url: pooler.url });
      assert.deepEqual(dump!.details.rowCounts, { 'public.t': 1 });
    } finally {
      await pooler.stop();
    }
  });
});
