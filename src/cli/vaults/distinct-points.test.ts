import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { StoreSpec } from '../../store/index.ts';
import type { RestorePoint } from '../../vault/index.ts';
import { distinctPoints, type FoundPoint } from './distinct-points.ts';

interface Found {
  readonly name: string;
  readonly store: StoreSpec;
  readonly key: string;
  readonly job?: string;
  readonly jobs?: readonly string[];
  readonly sealed?: boolean;
  readonly hasKey?: boolean;
}

const passphrase = 'words';

function found({ name, store, key, job = 'app', jobs = [], sealed = false, hasKey = false }: Found): FoundPoint {
  const point = {
    id: name,
    job,
    keys: [key],
    format: `archive/gzip${sealed ? '+openssl' : ''}`,
  } as object as RestorePoint;
  const spec = { type: 'archive', ...(hasKey && { encryption: { type: 'openssl', passphrase } as const }) } as const;
  return { point, use: { name, spec, store }, jobs };
}

const shown = (...all: FoundPoint[]): string[] => distinctPoints(all).map(({ use }) => use.name);

const bucket: StoreSpec = { type: 's3', bucket: 'b', endpoint: 'http://s3.example:9000/' };
const folder: StoreSpec = { type: 's3', bucket: 'b', endpoint: 'http://s3.example:9000', prefix: '/p/' };

test('what two vaults show of one place counts once, for the one that can open it, then the one whose job made it', () => {
  const here = { store: bucket, key: 'app/a.gz' };
  assert.deepEqual(shown(found({ name: 'one', ...here }), found({ name: 'two', ...here })), ['one']);
  assert.deepEqual(shown(found({ name: 'one', ...here }), found({ name: 'two', ...here, jobs: ['app'] })), ['two']);
  const sealed = { ...here, sealed: true };
  const opening = found({ name: 'two', ...sealed, hasKey: true });
  assert.deepEqual(shown(found({ name: 'one', ...sealed, jobs: ['app'] }), opening), ['two']);
  assert.deepEqual(shown(opening, found({ name: 'one', ...sealed, jobs: ['app'] })), ['two']);
  assert.deepEqual(shown(found({ name: 'keyed', ...here, hasKey: true }), found({ name: 'plain', ...here })), [
    'plain',
  ]);
});

test('a folder in another vault’s place is the same place, seen from nearer', () => {
  const whole = found({ name: 'whole', store: bucket, key: 'p/app/a.gz' });
  const near = found({ name: 'near', store: folder, key: 'app/a.gz' });
  assert.deepEqual([shown(whole, near), shown(near, whole)], [['near'], ['near']]);
  const disk = found({ name: 'disk', store: { type: 'local', path: '/b' }, key: 'p/app/a.gz' });
  assert.deepEqual(shown(disk, found({ name: 'part', store: { type: 'local', path: '/b/p/' }, key: 'app/a.gz' })), [
    'part',
  ]);
});

test('copies in other places, and other objects of one place, all remain in their order', () => {
  const key = 'app/a.gz';
  const elsewhere: StoreSpec = { type: 's3', bucket: 'b', endpoint: 'http://other.example' };
  const all = [
    found({ name: 'one', store: bucket, key }),
    found({ name: 'two', store: bucket, key: 'app/b.gz' }),
    found({ name: 'three', store: elsewhere, key }),
    found({ name: 'four', store: { type: 'local', path: '/b' }, key }),
    found({ name: 'five', store: folder, key }),
  ];
  assert.deepEqual(shown(...all), ['one', 'two', 'three', 'four', 'five']);
});
