import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { hasCode } from '../../base/errors.ts';
import { matchDatabases } from './dumping/database-patterns.ts';
import { parseTablePattern } from './dumping/exclude-pattern.ts';
import { parseVersion } from './connection/server-version.ts';
import { nearNames, parseTableName } from './restoring/table-name.ts';

describe('patterns of databases', () => {
  const names = ['app', 'app_test', 'b', 'B', 'a.b'];
  const cases: readonly (readonly [readonly string[], readonly string[]])[] = [
    [['*'], names],
    [['app*'], ['app', 'app_test']],
    [
      ['*', '!app*'],
      ['b', 'B', 'a.b'],
    ],
    [['!*_test'], ['app', 'b', 'B', 'a.b']],
    [
      ['*', '!app*', 'app'],
      ['app', 'b', 'B', 'a.b'],
    ],
    [['?'], ['b', 'B']],
    [['a.b'], ['a.b']],
    [[], []],
  ];
  for (const [patterns, expected] of cases) {
    test(`${JSON.stringify(patterns)} chooses ${expected.join(', ')}`, () =>
      assert.deepEqual(matchDatabases(names, patterns), expected));
  }
  test('that are empty are refused', () => {
    assert.throws(
      () => matchDatabases(names, ['!']),
      (error) => hasCode(error, 'source/bad-pattern'),
    );
  });
});

test('patterns of tables are read as pg_dump reads them', () => {
  assert.deepEqual(parseTablePattern('Audit.log_?'), { schema: '^(?:audit)$', table: '^(?:log_.)$' });
  assert.deepEqual(parseTablePattern('"A.b""*".*'), { schema: String.raw`^(?:A\.b"\*)$`, table: '^(?:.*)$' });
  assert.deepEqual(parseTablePattern('a$b'), { schema: undefined, table: String.raw`^(?:a\$b)$` });
});

test('names of tables are read with and without quotes', () => {
  assert.deepEqual(parseTableName('t'), { schema: undefined, table: 't' });
  assert.deepEqual(parseTableName('S.T'), { schema: 'S', table: 'T' });
  assert.deepEqual(parseTableName('"a.b"."c""d"'), { schema: 'a.b', table: 'c"d' });
  assert.deepEqual(parseTableName('odd name.x'), { schema: undefined, table: 'odd name.x' });
});

test('names that look alike come nearest first', () => {
  assert.deepEqual(nearNames('user', ['public.users', 'public.uzer', 'public.orders']), [
    'public.users',
    'public.uzer',
  ]);
});

test('versions are read from servers and programs', () => {
  assert.deepEqual(parseVersion('15.18 (Debian 15.18-0+deb12u1)'), { major: 15, minor: 18, text: '15.18' });
  assert.deepEqual(parseVersion('pg_dump (PostgreSQL) 18beta1\n'), { major: 18, minor: 0, text: '18beta1' });
  assert.deepEqual(parseVersion('psql (PostgreSQL) 9.6.24'), { major: 9, minor: 6, text: '9.6.24' });
  assert.equal(parseVersion('no version'), undefined);
});
