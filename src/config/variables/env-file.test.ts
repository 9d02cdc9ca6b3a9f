import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assert as assertProperty, base64String, property, string } from 'fast-check';
import { parseEnvFile } from './env-file.ts';

test('an env file gives what is written: quotes, comments, export, several lines, and no expansion', () => {
  const text = [
    '# a comment = no variable',
    'PLAIN=value',
    'export EXPORTED=yes',
    'SPACED = padded value  ',
    'EMPTY=',
    "SINGLE='a # b $HOME \\n'",
    'DOUBLE="a # \\"b\\"\\n\\\\"   # behind it a comment',
    'BARE=secret#1 # a comment',
    'COMMENTED= # nothing else',
    'REFERENCE=${PLAIN} $PLAIN',
    'EQUALS=a=b==',
    'MANY="one',
    'two"',
    'no assignment here',
    "HALF=it's",
    'TWICE=1',
    'TWICE=2',
  ].join('\r\n');
  assert.deepEqual(parseEnvFile(text), {
    PLAIN: 'value',
    EXPORTED: 'yes',
    SPACED: 'padded value',
    EMPTY: '',
    SINGLE: 'a # b $HOME \\n',
    DOUBLE: 'a # "b"\n\\',
    BARE: 'secret#1',
    COMMENTED: '',
    REFERENCE: '${PLAIN} $PLAIN',
    EQUALS: 'a=b==',
    MANY: 'one\ntwo',
    HALF: "it's",
    TWICE: '2',
  });
});

test('the mark that Windows’ editors begin a file with belongs to no name', () => {
  assert.deepEqual(parseEnvFile('\u{feff}BACKUP_ENCRYPTION=true\r\nDEBUG=true\r\n'), {
    BACKUP_ENCRYPTION: 'true',
    DEBUG: 'true',
  });
});

test('any value without a quote comes back from single quotes, and any base64 key from none', () => {
  assertProperty(
    property(
      string().map((text) => text.replaceAll(/['\r]/g, '')),
      base64String(),
      (text, key) => {
        assert.deepEqual(parseEnvFile(`A='${text}'\nB=${key}\n`), { A: text, B: key });
      },
    ),
  );
});
