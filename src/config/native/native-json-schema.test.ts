import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { parse } from 'yaml';
import { z } from 'zod';
import { nativeJsonSchema } from './native-json-schema.ts';

const committed = JSON.parse(readFileSync(new URL('../../../holdfast.schema.json', import.meta.url), 'utf8')) as object;

test('holdfast.schema.json is what scripts/make-schema.ts makes of the schema in the code', () => {
  assert.deepEqual(committed, JSON.parse(JSON.stringify(nativeJsonSchema())));
});

const configuration = `
stores:
  offsite: { type: s3, bucket: '\${BUCKET}', endpoint: '\${ENDPOINT}', partSizeMiB: '\${PART:-16}', retry: { delay: 5s } }
vaults:
  main: { type: archive, store: offsite, compression: { algorithm: zstd, level: 3 } }
jobs:
  my app:
    sources:
      - { type: postgres, url: '\${DATABASE_URL}', globals: true }
      - { type: directories, name: files, directories: [{ path: /srv }] }
    vaults: [main, { name: main, retention: { last: 3 } }]
    schedule: { cron: '0 3 * * *', timezone: Europe/Rome, jitter: 5m, catchUp: '\${CATCH_UP}' }
    notify: [ops]
notifications:
  ops: { type: webhook, url: '\${WEBHOOK_URL}' }
`;

test('an editor finds a right configuration right, with its references to variables, and a wrong one wrong', () => {
  // zod reads the published schema like any other program.
  const schema = z.fromJSONSchema(committed as Parameters<typeof z.fromJSONSchema>[0]);
  const right = schema.safeParse(parse(configuration));
  assert.deepEqual(right.error?.issues, undefined);
  for (const [from, to] of [
    ['type: archive', 'type: archiv'],
    ['globals: true', 'globals: maybe'],
    ['last: 3', 'last: 0'],
    ['jitter: 5m', 'jiter: 5m'],
    ['level: 3', 'level: 30'],
    ['name: main,', ''],
  ] as const) {
    assert.ok(configuration.includes(from));
    assert.ok(!schema.safeParse(parse(configuration.replace(from, to))).success, `${from} -> ${to}`);
  }
});
