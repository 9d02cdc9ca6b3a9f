import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { HoldfastError } from '../base/errors.ts';
import { findRestorePoint } from './find-restore-point.ts';
import type { RestorePoint } from './vault.ts';

const point = (id: string, day: number, name = 'data'): RestorePoint =>
  ({ id, runId: `run ${day}`, startedAt: new Date(Date.UTC(2026, 0, day)), source: { name } }) as RestorePoint;

const points = [point('aaaa1111', 3), point('aaaa2222', 1), point('bbbb3333', 2, 'db')];

describe('findRestorePoint', () => {
  it('takes a unique beginning of an id', () => {
    assert.equal(findRestorePoint(points, 'aaaa2').id, 'aaaa2222');
    assert.equal(findRestorePoint(points, 'BBBB').id, 'bbbb3333');
  });

  it('takes the latest, of all or of one source', () => {
    assert.equal(findRestorePoint(points, 'latest').id, 'aaaa1111');
    assert.equal(findRestorePoint(points, 'latest', 'db').id, 'bbbb3333');
  });

  it('does not guess between two', () => {
    assert.throws(() => findRestorePoint(points, 'aaaa'), { code: 'vault/ambiguous' });
  });

  it('does not guess which restore point of the latest set is meant', () => {
    const set = [...points, point('cccc4444', 3, 'db')];
    assert.throws(() => findRestorePoint(set, 'latest'), { code: 'vault/ambiguous' });
    assert.equal(findRestorePoint(set, 'latest', 'db').id, 'cccc4444');
  });

  it('takes any of the copies that several vaults keep of one restore point', () => {
    assert.equal(findRestorePoint([...points, point('aaaa1111', 3)], 'aaaa1').id, 'aaaa1111');
  });

  it('says what there is when it finds none', () => {
    assert.throws(
      () => findRestorePoint(points, 'cccc'),
      (error) =>
        error instanceof HoldfastError && error.code === 'vault/not-found' && /bbbb3333/.test(error.hint ?? ''),
    );
    for (const [list, id, source] of [
      [[], 'latest', undefined],
      [points, 'latest', 'nothing'],
      [points, '', undefined],
    ] as const) {
      assert.throws(() => findRestorePoint(list, id, source), { code: 'vault/not-found' });
    }
  });
});
