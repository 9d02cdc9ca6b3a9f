import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newPoint } from '../testing/vault-testing.ts';
import { objectMetadata } from './object-metadata.ts';

test("a database's object says when it was dumped, its name and its server", () => {
  const source = { type: 'postgres', name: 'my shop é', shape: 'file', paths: ['db.example:5432/my shop é'] } as const;
  assert.deepEqual(objectMetadata(newPoint({ source })), {
    timestamp: '2026-03-01T02:03:04.567Z',
    database: 'my shop %C3%A9',
    host: 'db.example',
  });
});

test('metadata is ASCII whatever the names are', () => {
  const source = { type: 'directory', name: 'a\n\ud800ü', shape: 'tree', paths: ['/a'] } as const;
  const metadata = objectMetadata(newPoint({ source, host: 'hôte' }));
  for (const value of Object.values(metadata)) assert.match(value, /^[\u0020-\u007e]*$/);
});
