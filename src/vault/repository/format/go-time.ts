import { momentAt } from '../../../base/clock.ts';
import { vaultError } from '../../errors.ts';

/** Go's time.Time that was never set: 0001-01-01T00:00:00Z. */
export const zeroTimeNs = -62_135_596_800_000_000_000n;

const second = 1_000_000_000n;
const secondsPerDay = 86_400;

interface Day {
  readonly year: number;
  readonly month: number;
  readonly day: number;
}

/** The Gregorian date of a day since 1970-01-01 (the "civil_from_days" algorithm of Howard Hinnant). */
function dayOf(daysSinceEpoch: number): Day {
  const shifted = daysSinceEpoch + 719_468;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const shiftedMonth = Math.floor((5 * dayOfYear + 2) / 153);
  const month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9;
  return {
    year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0),
    month,
    day: dayOfYear - Math.floor((153 * shiftedMonth + 2) / 5) + 1,
  };
}

/** The inverse of dayOf. A day past the end of its month counts on into the next. */
function daysSinceEpoch({ year, month, day }: Day): number {
  const shiftedYear = month <= 2 ? year - 1 : year;
  const era = Math.floor(shiftedYear / 400);
  const yearOfEra = shiftedYear - era * 400;
  const dayOfYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1;
  return (
    era * 146_097 + yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear - 719_468
  );
}

const two = (value: number): string => (value < 10 ? `0${value}` : `${value}`);

/**
 * JSON has room for the years 0 to 9999. restic moves a time outside of them to the nearest of these years and leaves
 * month, day and clock: 29 February becomes 1 March where that year has none.
 */
function clampYear(date: Day): Day {
  if (date.year >= 0 && date.year <= 9999) return date;
  return dayOf(daysSinceEpoch({ ...date, year: date.year < 0 ? 0 : 9999 }));
}

function formatSeconds(seconds: number): string {
  const days = Math.floor(seconds / secondsPerDay);
  const rest = seconds - days * secondsPerDay;
  const { year, month, day } = clampYear(dayOf(days));
  const clock = `${two(Math.floor(rest / 3600))}:${two(Math.floor(rest / 60) % 60)}:${two(rest % 60)}`;
  return `${String(year).padStart(4, '0')}-${two(month)}-${two(day)}T${clock}`;
}

function formatFraction(nanoseconds: number): string {
  if (nanoseconds === 0) return '';
  const digits = String(nanoseconds).padStart(9, '0');
  let end = 9;
  while (digits.charCodeAt(end - 1) === 0x30) end -= 1;
  return `.${digits.slice(0, end)}`;
}

/** Times of files come in runs: the date of the last second is kept. */
let lastSeconds = 0;
let lastDate = '1970-01-01T00:00:00';

/** Seconds from the offset of a zone ("+01:00", "Z"). */
function offsetSeconds(zone: string): number {
  if (zone === 'Z') return 0;
  const size = Number(zone.slice(1, 3)) * 3600 + Number(zone.slice(4, 6)) * 60;
  return zone.startsWith('-') ? -size : size;
}

let lastZoned = Number.NaN;
let lastZone = 'Z';

/**
 * The offset of this machine's zone ("+01:00", "Z") at a time in seconds since 1970, to whole minutes as Go writes it; "Z" for
 * times that dates can't show.
 */
export function localZone(seconds: number): string {
  if (seconds === lastZoned) return lastZone;
  const minutes = -momentAt(seconds * 1000).getTimezoneOffset();
  const size = Math.floor(Math.abs(minutes));
  lastZone = size > 0 ? `${minutes < 0 ? '-' : '+'}${two(Math.floor(size / 60))}:${two(size % 60)}` : 'Z';
  lastZoned = seconds;
  return lastZone;
}

/**
 * RFC 3339 as Go writes it: nanoseconds without trailing zeros, years 0 to 9999 (others are moved there). In UTC, unless
 * `within` gives an offset such as "+01:00", or tells it for a time in seconds.
 */
export function formatTime(ns: bigint, within: string | ((seconds: number) => string) = 'Z'): string {
  let whole = Number(ns / second);
  let nanoseconds = Number(ns % second);
  if (nanoseconds < 0) {
    nanoseconds += 1e9;
    whole -= 1;
  }
  const zone = typeof within === 'string' ? within : within(whole);
  if (zone !== 'Z') whole += offsetSeconds(zone);
  if (whole !== lastSeconds) {
    lastSeconds = whole;
    lastDate = formatSeconds(whole);
  }
  return nanoseconds === 0 ? lastDate + zone : lastDate + formatFraction(nanoseconds) + zone;
}

const timePattern =
  /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:[.,](\d{1,9})\d*)?(Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/;
const monthDays = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

function isDate({ year, month, day }: Day): boolean {
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  return day >= 1 && day <= (monthDays[month - 1] ?? 0) && (month !== 2 || day < 29 || leap);
}

const badTime = (text: string): Error =>
  vaultError('corrupt', { message: `${JSON.stringify(text)} is no time that a repository could hold.` });

function parseSlowly(text: string): bigint {
  const found = timePattern.exec(text);
  if (found === null) throw badTime(text);
  const [, year, month, day, hours, minutes, seconds, fraction, zone] = found;
  const date = { year: Number(year), month: Number(month), day: Number(day) };
  const [hour, minute, rest] = [Number(hours), Number(minutes), Number(seconds)];
  if (!isDate(date) || hour > 23 || minute > 59 || rest > 59) throw badTime(text);
  const clock = hour * 3600 + minute * 60 + rest - offsetSeconds(zone as string);
  const whole = BigInt(daysSinceEpoch(date) * secondsPerDay + clock);
  return fraction === undefined ? whole * second : whole * second + BigInt(fraction.padEnd(9, '0'));
}

const dateChars = 'YYYY-MM-DDThh:mm:ss'.length;
const longestFraction = '.123456789'.length;

/** The last time up to its second, as text and in nanoseconds. */
let lastParsedDate = '';
let lastParsedNs = 0n;

/** The nanoseconds of the fraction in a time of UTC, or -1 for what the pattern must judge. */
function fractionOf(text: string): number {
  const end = text.length - 1;
  if (text.charCodeAt(end) !== 0x5a) return -1;
  if (end === dateChars) return 0;
  if (text.charCodeAt(dateChars) !== 0x2e || end < dateChars + 2 || end > dateChars + longestFraction) return -1;
  let nanoseconds = 0;
  for (let at = dateChars + 1; at < dateChars + longestFraction; at += 1) {
    const digit = at < end ? text.charCodeAt(at) - 0x30 : 0;
    if (digit < 0 || digit > 9) return -1;
    nanoseconds = nanoseconds * 10 + digit;
  }
  return nanoseconds;
}

/** A time that formatTime or Go wrote, in nanoseconds since 1970. Throws vault/corrupt. */
export function parseTime(text: string): bigint {
  const nanoseconds = fractionOf(text);
  if (nanoseconds < 0) return parseSlowly(text);
  const date = text.slice(0, dateChars);
  if (date !== lastParsedDate) {
    lastParsedNs = parseSlowly(`${date}Z`);
    lastParsedDate = date;
  }
  return nanoseconds === 0 ? lastParsedNs : lastParsedNs + BigInt(nanoseconds);
}

/** The offset that a time is written in: "Z" or "+01:00". */
export const zoneOf = (text: string): string => (text.endsWith('Z') ? 'Z' : text.slice(-6));
