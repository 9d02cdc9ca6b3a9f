import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseMoment } from './parse-moment.ts';

const secondsOf = (text: string): number | undefined => {
  const moment = parseMoment(text);
  return moment === undefined ? undefined : Number(moment / 1_000_000_000n);
};

test('a moment is of this machine’s time zone, unless it names one', () => {
  const local = new Date(2024, 1, 29, 13, 45).getTime() / 1000;
  for (const text of ['2024-02-29 13:45', '2024-02-29 13:45:00', '29.02.2024 13:45', '2024-02-29T13:45:00'])
    assert.equal(secondsOf(text), local, text);
  assert.equal(secondsOf('2024-02-29'), new Date(2024, 1, 29).getTime() / 1000);
  const utc = Date.UTC(2024, 1, 29, 13, 45) / 1000;
  for (const text of ['2024-02-29 13:45:00 UTC', '2024-02-29T13:45:00Z', '2024-02-29 10:45:00 -0300'])
    assert.equal(secondsOf(text), utc, text);
  assert.equal(parseMoment('1970-01-01 00:00:00.123456789 UTC'), 123_456_789n);
});

test('what is no moment is none', () => {
  for (const text of ['', 'yesterday', '2023-02-29', '2024-13-01', '2024-02-29 25:00', '2024-02-29 13:45 XYZ'])
    assert.equal(parseMoment(text), undefined, text);
});
