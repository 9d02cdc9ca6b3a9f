import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseTime, systemClock } from './clock.ts';

test('parseTime reads RFC 3339 and the dates of HTTP, and knows what is no time', () => {
  assert.equal(parseTime('2026-03-01T02:03:04.567Z')?.getTime(), 1_772_330_584_567);
  assert.equal(parseTime('2026-03-01T02:03:04-03:00')?.toISOString(), '2026-03-01T05:03:04.000Z');
  assert.equal(parseTime('Sun, 01 Mar 2026 02:03:04 GMT')?.toISOString(), '2026-03-01T02:03:04.000Z');
  for (const text of ['', 'never', '2026-13-01T00:00:00Z']) assert.equal(parseTime(text), undefined, text);
});

test('an aborted sleep rejects with the reason of the signal', async () => {
  const reason = new Error('enough');
  await assert.rejects(systemClock.sleep(600_000, AbortSignal.abort(reason)), reason);
});
