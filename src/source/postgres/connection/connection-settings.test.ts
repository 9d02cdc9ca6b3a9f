import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import type { HoldfastError } from '../../../base/errors.ts';
import { connectionSettings, connectionString, parseConnectionUri, toolEnvironment } from './connection-settings.ts';

describe('a connection URI', () => {
  const cases: Record<string, Record<string, string>> = {
    'postgres://': {},
    'postgresql://host': { host: 'host' },
    'postgresql://host:5433': { host: 'host', port: '5433' },
    'postgresql://host/db': { host: 'host', dbname: 'db' },
    'postgresql://user@host': { host: 'host', user: 'user' },
    'postgresql://user:secret@host': { host: 'host', user: 'user', password: 'secret' },
    'postgresql://other@host/otherdb?connect_timeout=10&application_name=my%20app': {
      host: 'host',
      user: 'other',
      dbname: 'otherdb',
      connect_timeout: '10',
      application_name: 'my app',
    },
    'postgresql://host1:123,host2:456/db?target_session_attrs=any': {
      host: 'host1,host2',
      port: '123,456',
      dbname: 'db',
      target_session_attrs: 'any',
    },
    'postgresql:///mydb?host=localhost&port=5433': { host: 'localhost', port: '5433', dbname: 'mydb' },
    'postgresql://[2001:db8::1234]:99/database': { host: '2001:db8::1234', port: '99', dbname: 'database' },
    'postgresql://%2Fvar%2Flib%2Fpostgresql/dbname': { host: '/var/lib/postgresql', dbname: 'dbname' },
    'postgres://u:p%40ss%2Fw%3Ard@h/d%20b': { host: 'h', user: 'u', password: 'p@ss/w:rd', dbname: 'd b' },
    'postgres://u:p@ss@h/d': { host: 'h', user: 'u', password: 'p@ss', dbname: 'd' },
    'postgres://h/d?schema=public&pgbouncer=true&sslmode=require': { host: 'h', dbname: 'd', sslmode: 'require' },
    'postgres://h/d?ssl=true': { host: 'h', dbname: 'd', sslmode: 'require' },
  };
  for (const [uri, expected] of Object.entries(cases)) {
    test(`means what it means to libpq: ${uri}`, () => assert.deepEqual(parseConnectionUri(uri), expected));
  }

  test('keeps every user, password and database name', () => {
    const name = fc.string({ minLength: 1, unit: 'grapheme' });
    fc.assert(
      fc.property(name, name, name, (user, password, dbname) => {
        const uri = `postgres://${encodeURIComponent(user)}:${encodeURIComponent(password)}@h/${encodeURIComponent(dbname)}`;
        assert.deepEqual(parseConnectionUri(uri), { host: 'h', user, password, dbname });
      }),
    );
  });

  test('that is none is source/bad-address, without its password', () => {
    for (const uri of [
      'mysql://h/d',
      'postgres://h/d?sslmodus=x',
      'postgres://u:geheim%zz@h/d',
      'postgres://u:geheim@h:port/d',
    ]) {
      assert.throws(
        () => connectionSettings(uri, {}),
        (error: HoldfastError) => error.code === 'source/bad-address' && !error.message.includes('geheim'),
      );
    }
  });
});

describe('connection settings', () => {
  test('take from the environment what the address leaves open', () => {
    const env = { PGHOST: 'db.example', PGPORT: '6000', PGUSER: 'me', PGPASSWORD: 'pw-of-env', PGSSLMODE: 'require' };
    const [open] = connectionSettings(undefined, env);
    assert.deepEqual(open, {
      host: 'db.example',
      port: 6000,
      user: 'me',
      database: 'me',
      password: 'pw-of-env',
      parameters: { sslmode: 'require' },
    });
    const [given] = connectionSettings('postgres://you:pw-of-url@h:1/d', env);
    assert.deepEqual([given!.host, given!.port, given!.user, given!.password], ['h', 1, 'you', 'pw-of-url']);
  });

  test('find a password in the password file, unless others can read it', () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'hf-pgpass-'));
    const file = path.join(folder, 'pass');
    writeFileSync(file, '# comment\nh:*:other:u:wrong\nh:5432:*:u:pass\\:word\\\\x\n*:*:*:*:last\n', { mode: 0o600 });
    const passwordOf = (url: string): string | undefined => connectionSettings(url, { PGPASSFILE: file })[0]!.password;
    assert.equal(passwordOf('postgres://u@h/db'), 'pass:word\\x');
    assert.equal(passwordOf('postgres://v@elsewhere/db'), 'last');
    chmodSync(file, 0o644);
    assert.equal(passwordOf('postgres://u@h/db'), undefined);
    rmSync(folder, { recursive: true });
  });

  test('give programs the connection without the password, which goes by the environment', () => {
    const [settings] = connectionSettings("postgres://u:geheim-wort@h/it's%20\\?sslmode=require", {});
    const text = connectionString(settings!);
    assert.equal(text, String.raw`sslmode='require' host='h' port='5432' user='u' dbname='it\'s \\'`);
    const env = toolEnvironment(settings!, { PATH: '/bin', PGHOST: 'x', PGPASSWORD: 'other', PGSERVICE: 's' });
    assert.equal(env['PGPASSWORD'], 'geheim-wort');
    assert.equal(env['PGHOST'], undefined);
    assert.equal(env['PGSERVICE'], undefined);
    assert.equal(env['PATH'], '/bin');
  });

  test('are one per host', () => {
    const all = connectionSettings('postgres://a,b:7/d', {});
    assert.deepEqual(
      all.map(({ host, port }) => [host, port]),
      [
        ['a', 5432],
        ['b', 7],
      ],
    );
  });
});
