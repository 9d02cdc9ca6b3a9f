import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nextDue } from '../../src/jobs/schedule/index.ts';
import { clockChanges, dueMoments, walk } from './cron-oracle.ts';

const hourMs = 3_600_000;

/** Zones and years whose clocks do odd things. */
const oddClocks: readonly (readonly [string, number, number])[] = [
  ['Australia/Lord_Howe', 2024, 2026], // half an hour
  ['America/Sao_Paulo', 2015, 2019], // midnight does not exist
  ['Africa/Casablanca', 2019, 2026], // back for Ramadan
  ['Africa/El_Aaiun', 2019, 2023],
  ['Africa/Cairo', 2010, 2015], // four changes in a year
  ['Africa/Cairo', 2023, 2026],
  ['Antarctica/Troll', 2022, 2025], // two hours
  ['Pacific/Apia', 2010, 2013], // 30 December 2011 does not exist
  ['Pacific/Fakaofo', 2011, 2013],
  ['Pacific/Chatham', 2023, 2026], // +12:45
  ['Asia/Kathmandu', 1985, 1987], // a quarter of an hour, once
  ['Europe/London', 2023, 2026],
  ['America/New_York', 2023, 2026],
  ['America/St_Johns', 2005, 2012], // at one minute past midnight
  ['Asia/Tehran', 2018, 2023],
  ['Asia/Beirut', 2021, 2024],
  ['Asia/Gaza', 2021, 2025],
  ['America/Havana', 2022, 2025],
  ['America/Asuncion', 2022, 2025],
  ['America/Scoresbysund', 2023, 2025],
  ['America/Nuuk', 2022, 2025],
  ['Asia/Pyongyang', 2014, 2019],
  ['America/Caracas', 2006, 2017],
  ['Antarctica/Casey', 2009, 2024], // three and more hours
  ['Antarctica/Macquarie', 2009, 2013],
  ['Europe/Istanbul', 2014, 2018],
  ['Europe/Volgograd', 2017, 2021],
  ['Pacific/Norfolk', 2014, 2022],
  ['Asia/Amman', 2020, 2024],
  ['Atlantic/Azores', 2023, 2025],
];

/** The same numbers from the same seed (mulberry32). */
function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

function randomCron(random: (below: number) => number, changeHour: number): string {
  const pick = (...choices: readonly string[]): string => choices[random(choices.length)] as string;
  const near = String((changeHour + random(5) + 22) % 24);
  const minute = pick('0', '30', '*', '*/7', '*/15', String(random(60)), `${random(30)}-${30 + random(30)}/3`, '1,59');
  const hour = pick(near, near, '*', '*/2', '0-3', `${near},23`, '2', '0');
  const date = new Date(Date.UTC(2024, random(12), 1 + random(28)));
  const day = pick('*', '*', '*', String(date.getUTCDate()), '*/2', '28-31');
  const month = pick('*', '*', '*', '1-6', 'mar,OCT,dec', String(random(12) + 1));
  const weekday = pick('*', '*', '*', '0', '7', 'SUN', 'mon-fri', '5,6');
  return [minute, hour, day, month, weekday].join(' ');
}

/** All due times that the product names between two moments, one after the other. */
function dueBetween(cron: string, timezone: string, fromMs: number, toMs: number): number[] {
  const found: number[] = [];
  let after = new Date(fromMs - 1);
  for (;;) {
    const next = nextDue({ cron, timezone }, after);
    if (next === undefined || next.getTime() >= toMs) return found;
    found.push(next.getTime());
    after = next;
  }
}

test('2 000 schedules over odd changes of clocks are due when a walk through the minutes says so', (t) => {
  const seed = Number(process.env['HOLDFAST_TEST_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
  t.diagnostic(`seed ${seed}`);
  const random = randomFrom(seed);
  let cases = 0;
  let dueTimes = 0;
  const changes = oddClocks.flatMap(([zone, from, to]) =>
    clockChanges(zone, from, to).map((changeMs) => ({ zone, changeMs })),
  );
  assert.ok(changes.length >= 150, `only ${changes.length} changes of clocks were found`);
  const each = Math.ceil(2000 / changes.length);
  for (const { zone, changeMs } of changes) {
    const fromMs = changeMs - (8 + random(16)) * hourMs;
    const toMs = changeMs + (8 + random(20)) * hourMs;
    const window = walk(zone, fromMs, toMs);
    const changeHour = window.shown.find(({ epochMs }) => epochMs === changeMs)?.fields.hour ?? 0;
    for (let count = 0; count < each; count += 1) {
      const cron = randomCron(random, changeHour);
      const expected = dueMoments(window, cron);
      const found = dueBetween(cron, zone, fromMs, toMs);
      const at = Array.from({ length: Math.max(found.length, expected.length) }, (_, index) => index);
      const differing = at.find((index) => found[index] !== expected[index]);
      const shown = (all: readonly number[]): string[] =>
        all.slice(differing ?? Infinity).map((ms) => new Date(ms).toISOString());
      assert.deepEqual(shown(found).slice(0, 9), shown(expected).slice(0, 9), `"${cron}" in ${zone}, seed ${seed}`);
      cases += 1;
      dueTimes += expected.length;
    }
  }
  t.diagnostic(`${cases} schedules, ${dueTimes} due times`);
  assert.ok(cases >= 2000 && dueTimes > cases);
});

const due = (cron: string, timezone: string, after: string): string | undefined =>
  nextDue({ cron, timezone }, new Date(after))?.toISOString();

test('a time that does not exist in spring is due once, as much later as the clocks were set forward', () => {
  assert.equal(due('30 2 * * *', 'Europe/Berlin', '2026-03-28T12:00:00Z'), '2026-03-29T01:30:00.000Z');
  assert.equal(due('30 2 * * *', 'Europe/Berlin', '2026-03-29T01:30:00Z'), '2026-03-30T00:30:00.000Z');
  assert.equal(due('0 0 * * *', 'America/Sao_Paulo', '2018-11-03T12:00:00Z'), '2018-11-04T03:00:00.000Z');
  assert.equal(due('0 3 30 12 *', 'Pacific/Apia', '2011-12-29T12:00:00Z'), '2011-12-30T13:00:00.000Z');
});

test('a time that exists twice in autumn is due once; every ten minutes stays every ten minutes', () => {
  assert.equal(due('30 2 * * *', 'Europe/Berlin', '2026-10-24T12:00:00Z'), '2026-10-25T00:30:00.000Z');
  assert.equal(due('30 2 * * *', 'Europe/Berlin', '2026-10-25T00:30:00Z'), '2026-10-26T01:30:00.000Z');
  assert.equal(due('*/10 * * * *', 'Europe/Berlin', '2026-10-25T00:50:00Z'), '2026-10-25T01:00:00.000Z');
});
