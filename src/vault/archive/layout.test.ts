import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import * as fc from 'fast-check';

import { newPoint } from '../testing/vault-testing.ts';
import { artefactStem, defaultLayout, escapeBytes, extensionOf, safeSegment, unescapeBytes } from './layout.ts';

describe('keys', () => {
  it('are plain ASCII segments, whatever the names are', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (text) => {
        const segment = safeSegment(text);
        assert.match(segment, /^[A-Za-z0-9_%-][A-Za-z0-9._%~-]*$/);
        assert.ok(segment.length <= 200);
      }),
    );
  });

  it('are never the same for two names', () => {
    const names = [
      'a b',
      'a_b',
      'a%20b',
      'a/b',
      "a'b",
      'a"b',
      'a\nb',
      '',
      '%',
      '.',
      '..',
      '%2E',
      'a~b',
      'é',
      'e\u0301',
      '%25',
    ];
    const long = 'x'.repeat(250);
    const all = [...names, long, `${long}y`, 'x'.repeat(300), safeSegment(long)];
    assert.equal(new Set(all.map(safeSegment)).size, all.length);
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (a, b) => {
        assert.equal(safeSegment(a) === safeSegment(b), Buffer.from(a).equals(Buffer.from(b)));
      }),
    );
  });

  it('carry job, time, run and source', () => {
    const point = newPoint({ runId: 'abcdef01-2345-6789-abcd-ef0123456789' });
    assert.equal(artefactStem(defaultLayout, point), 'nightly/20260301T020304Z-abcdef01/data');
    assert.equal(artefactStem('{host}/{date}_{time}/{source}', point), 'host-1/20260301_020304/data');
  });

  it('carry the time of the zone that is asked for, which may be another day', () => {
    const point = newPoint({});
    const layout = '{date}_{time}/{source}_{date}_{time}';
    assert.equal(artefactStem(layout, point, 'America/Sao_Paulo'), '20260228_230304/data_20260228_230304');
    assert.equal(artefactStem('{timestamp}', point, 'America/Sao_Paulo'), '20260301T020304Z');
  });

  it('take the extension of a dump', () => {
    for (const [name, extension] of [
      ['db.sql', '.sql'],
      ['my db.dump', '.dump'],
      ['out', ''],
      ['.hidden', ''],
      ['a.b c', ''],
      ['x.tar', '.tar'],
    ] as const) {
      assert.equal(extensionOf(Buffer.from(name)), extension, name);
    }
  });

  it('can be undone to the bytes of a name', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        assert.ok(unescapeBytes(escapeBytes(Buffer.from(bytes))).equals(bytes));
      }),
    );
  });
});
