import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import {
  databaseOf,
  propertiesFor,
  readPropertiesBlock,
  renameInStatement,
  writePropertiesBlock,
} from './database-properties.ts';

const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`;
const identifier = (text: string): string => `"${text.replaceAll('"', '""')}"`;

describe('the block of database properties', () => {
  test('comes back as it was, and psql sees nothing but comments in it', () => {
    const text = fc.string({ unit: 'grapheme', minLength: 1 });
    const odd = fc.constantFrom(
      '\r',
      '\n',
      '\\',
      '\\r',
      ';',
      '--',
      "'",
      '"',
      '-- holdfast: end of database properties\n',
    );
    const value = fc.array(fc.oneof(text, odd), { minLength: 1 }).map((parts) => parts.join(''));
    fc.assert(
      fc.property(value, value, (name, comment) => {
        const statements = [
          `CREATE DATABASE ${identifier(name)} WITH TEMPLATE = template0;`,
          `COMMENT ON DATABASE ${identifier(name)} IS ${literal(comment)};`,
        ];
        const block = writePropertiesBlock(statements);
        for (const line of block.split(/[\n\r]/)) assert.ok(line === '' || line.startsWith('--'), line);
        const read = readPropertiesBlock(`${block}SELECT 1;\n`);
        assert.deepEqual(read?.statements, statements);
        assert.equal(read?.rest.trim(), 'SELECT 1;');
        assert.equal(databaseOf(statements), name);
      }),
    );
  });

  test('is not there in the dumps of others, or when it is cut off', () => {
    assert.equal(readPropertiesBlock('--\n-- PostgreSQL database dump\n'), undefined);
    assert.equal(readPropertiesBlock('-- holdfast: database properties\n--| CREATE'), undefined);
  });
});

describe('a statement about a database', () => {
  const cases: readonly (readonly [string, string | undefined])[] = [
    ['CREATE DATABASE a WITH TEMPLATE = template0;', 'CREATE DATABASE "n""w" WITH TEMPLATE = template0;'],
    ['ALTER DATABASE "A ""b" SET x TO \'DATABASE a\';', 'ALTER DATABASE "n""w" SET x TO \'DATABASE a\';'],
    [
      'ALTER ROLE "IN DATABASE a" IN DATABASE a SET x TO 1;',
      'ALTER ROLE "IN DATABASE a" IN DATABASE "n""w" SET x TO 1;',
    ],
    ['GRANT CREATE,CONNECT ON DATABASE a TO b;', 'GRANT CREATE,CONNECT ON DATABASE "n""w" TO b;'],
    ['REVOKE CONNECT,TEMPORARY ON DATABASE a FROM PUBLIC;', 'REVOKE CONNECT,TEMPORARY ON DATABASE "n""w" FROM PUBLIC;'],
    ["COMMENT ON DATABASE a IS 'ALTER DATABASE a';", 'COMMENT ON DATABASE "n""w" IS \'ALTER DATABASE a\';'],
    ['DROP DATABASE a;', undefined],
    ["COMMENT ON TABLE a IS 'DATABASE a';", undefined],
  ];
  for (const [before, after] of cases) {
    test(`gets another name in its place only: ${before}`, () => assert.equal(renameInStatement(before, 'n"w'), after));
  }

  test('of owner or privileges is left out when told so', () => {
    const statements = [
      'CREATE DATABASE a WITH TEMPLATE = template0;',
      'ALTER DATABASE a OWNER TO b;',
      'GRANT CONNECT ON DATABASE a TO b;',
      'ALTER DATABASE a SET x TO 1;',
    ];
    assert.deepEqual(propertiesFor(statements, 'n', { noOwner: true, noPrivileges: true }).apply, [
      'ALTER DATABASE "n" SET x TO 1;',
    ]);
    assert.equal(propertiesFor(statements, 'n').apply.length, 3);
  });
});
