import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import * as fc from 'fast-check';
import { formatTime, localZone, parseTime, zeroTimeNs, zoneOf } from './go-time.ts';

const examples: readonly (readonly [ns: bigint, text: string])[] = [
  [0n, '1970-01-01T00:00:00Z'],
  [1_700_000_000_123_456_789n, '2023-11-14T22:13:20.123456789Z'],
  [1_700_000_000_120_000_000n, '2023-11-14T22:13:20.12Z'],
  [1_700_000_000_000_000_001n, '2023-11-14T22:13:20.000000001Z'],
  [-1n, '1969-12-31T23:59:59.999999999Z'],
  [-2_147_483_648_000_000_005n, '1901-12-13T20:45:51.999999995Z'],
  [9_223_372_036_500_000_000n, '2262-04-11T23:47:16.5Z'],
  [253_402_300_799_999_999_999n, '9999-12-31T23:59:59.999999999Z'],
  [zeroTimeNs, '0001-01-01T00:00:00Z'],
  [-62_167_219_200_000_000_000n, '0000-01-01T00:00:00Z'],
];

describe('formatTime and parseTime', () => {
  it('agree with Go', () => {
    for (const [ns, text] of examples) {
      assert.equal(formatTime(ns), text);
      assert.equal(parseTime(text), ns);
    }
  });

  it('agree with Date, and are the inverse of each other, over all years of JSON', () => {
    const day = 86_400; // for the zones, at both ends
    const seconds = fc.integer({ min: -62_167_219_200 + day, max: 253_402_300_799 - day });
    fc.assert(
      fc.property(seconds, fc.integer({ min: 0, max: 999_999_999 }), (whole, nanoseconds) => {
        const ns = BigInt(whole) * 1_000_000_000n + BigInt(nanoseconds);
        const text = formatTime(ns);
        assert.equal(text.slice(0, 19), new Date(whole * 1000).toISOString().slice(0, 19));
        assert.equal(parseTime(text), ns);
        for (const zone of ['+05:45', '-11:00']) assert.equal(parseTime(formatTime(ns, zone)), ns);
      }),
      { examples: [[0, 0]] },
    );
  });

  it('move years that JSON has no room for, as restic does', () => {
    const yearSeconds = 31_556_952n * 1_000_000_000n;
    assert.match(formatTime(40_000n * yearSeconds), /^9999-/);
    assert.match(formatTime(-40_000n * yearSeconds), /^0000-/);
    const leapDay = BigInt(Date.UTC(12_000, 1, 29)) * 1_000_000n;
    assert.equal(formatTime(leapDay), '9999-03-01T00:00:00Z');
  });

  it('take any offset and keep it', () => {
    assert.equal(parseTime('2023-11-14T23:13:20+01:00'), 1_700_000_000_000_000_000n);
    assert.equal(parseTime('2023-11-14T16:43:20.5-05:30'), 1_700_000_000_500_000_000n);
    assert.equal(zoneOf('2023-11-14T16:43:20.5-05:30'), '-05:30');
    assert.equal(formatTime(1_700_000_000_500_000_000n, '-05:30'), '2023-11-14T16:43:20.5-05:30');
    assert.equal(zoneOf('2023-11-14T16:43:20Z'), 'Z');
  });
});

describe('formatTime in the zone of this machine', () => {
  const zone = process.env['TZ'];
  afterEach(() => {
    if (zone === undefined) delete process.env['TZ'];
    else process.env['TZ'] = zone;
  });

  it('agrees with Go, in summer and in winter', () => {
    // What restic 0.14 wrote for a file of that time.
    const cases = [
      ['Europe/Berlin', 1_700_000_000_500_000_000n, '2023-11-14T23:13:20.5+01:00'],
      ['Europe/Berlin', 1_690_000_000_000_000_000n, '2023-07-22T06:26:40+02:00'],
      ['Asia/Kathmandu', 1_700_000_000_000_000_000n, '2023-11-15T03:58:20+05:45'],
      ['America/St_Johns', 1_700_000_001_000_000_000n, '2023-11-14T18:43:21-03:30'],
      ['Europe/London', 1_700_000_002_000_000_000n, '2023-11-14T22:13:22Z'],
      ['UTC', 1_690_000_003_000_000_000n, '2023-07-22T04:26:43Z'],
    ] as const;
    for (const [name, ns, text] of cases) {
      process.env['TZ'] = name;
      assert.equal(
        formatTime(ns, (seconds) => localZone(seconds)),
        text,
        name,
      );
      assert.equal(parseTime(text), ns);
    }
  });

  it('is the same moment, whatever the zone and the time', () => {
    for (const name of [
      'Europe/Amsterdam',
      'America/Sao_Paulo',
      'Pacific/Apia',
      'Africa/Monrovia',
      'Antarctica/Troll',
    ]) {
      process.env['TZ'] = name;
      fc.assert(
        fc.property(fc.integer({ min: -60_000_000_000, max: 250_000_000_000 }), (seconds) => {
          const ns = BigInt(seconds) * 1_000_000_000n + 5n;
          assert.equal(parseTime(formatTime(ns, localZone)), ns);
        }),
      );
    }
  });
});

describe('parseTime', () => {
  it('refuses what is no time', () => {
    const bad = [
      '',
      'x',
      '2023-02-29T00:00:00Z',
      '2023-13-01T00:00:00Z',
      '2023-01-01T24:00:00Z',
      '2023-01-01 00:00:00Z',
    ];
    bad.push('2023-01-01T00:00:00', '2023-01-01T00:00:00.Z', '2023-01-01T00:00:00+24:00', '12023-01-01T00:00:00Z');
    bad.push('2023-01-00T00:00:00Z', '2023-01-01T00:60:00Z', '2023-01-01T00:00:00.12x4Z', '1900-02-29T00:00:00Z');
    for (const text of bad) assert.throws(() => parseTime(text), { code: 'vault/corrupt' }, text);
  });
});
