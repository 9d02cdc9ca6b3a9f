/**
 * Says when cron expressions are due, by another road than the product's: it walks through the minutes of UTC one by
 * one, asks Intl what the clocks of the zone show, and compares the five fields itself. Slow, and simple.
 */

const minuteMs = 60_000;

export interface Minute {
  readonly epochMs: number;
  readonly fields: Fields;
  /** The clocks showed this minute before. */
  readonly again: boolean;
}

/** A minute that clocks never showed, and the moment that stands for it. */
export interface LostMinute {
  readonly dueMs: number;
  readonly fields: Fields;
}

interface Fields {
  readonly minute: number;
  readonly hour: number;
  readonly day: number;
  readonly month: number;
  readonly weekday: number;
}

export interface Window {
  readonly zone: string;
  readonly shown: readonly Minute[];
  readonly lost: readonly LostMinute[];
}

function fieldsOfClock(clockMs: number): Fields {
  const date = new Date(clockMs);
  return {
    minute: date.getUTCMinutes(),
    hour: date.getUTCHours(),
    day: date.getUTCDate(),
    month: date.getUTCMonth() + 1,
    weekday: date.getUTCDay(),
  };
}

const formats = new Map<string, Intl.DateTimeFormat>();

/** What the clocks of a zone show, as if it were UTC. */
export function clockMs(zone: string, epochMs: number): number {
  let format = formats.get(zone);
  if (!format) {
    const numeric = 'numeric' as const;
    format = new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      calendar: 'gregory',
      hourCycle: 'h23',
      year: numeric,
      month: numeric,
      day: numeric,
      hour: numeric,
      minute: numeric,
    });
    formats.set(zone, format);
  }
  const part = Object.fromEntries(format.formatToParts(epochMs).map(({ type, value }) => [type, Number(value)]));
  return Date.UTC(part['year']!, part['month']! - 1, part['day'], part['hour'], part['minute']);
}

/** All minutes from `fromMs` up to `toMs`, and those that the clocks leave out between them. */
export function walk(zone: string, fromMs: number, toMs: number): Window {
  const shown: Minute[] = [];
  const lost: LostMinute[] = [];
  let latest = clockMs(zone, fromMs - minuteMs);
  for (let epochMs = fromMs; epochMs < toMs; epochMs += minuteMs) {
    const clock = clockMs(zone, epochMs);
    for (let gone = latest + minuteMs; gone < clock; gone += minuteMs)
      lost.push({ dueMs: epochMs + (gone - latest - minuteMs), fields: fieldsOfClock(gone) });
    shown.push({ epochMs, fields: fieldsOfClock(clock), again: clock <= latest });
    latest = Math.max(latest, clock);
  }
  return { zone, shown, lost };
}

const monthNames = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const dayNames = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];

function number(text: string, names: readonly string[], base: number): number {
  const at = names.indexOf(text.toLowerCase());
  return at < 0 ? Number(text) : at + base;
}

function matches(field: string, value: number, [low, high]: readonly [number, number], names: string[] = []): boolean {
  return field.split(',').some((part) => {
    const [range = '', step = '1'] = part.split('/');
    const [from = '', to = from] = range === '*' ? [String(low), String(high)] : range.split('-');
    const first = number(from, names, low);
    return value >= first && value <= number(to, names, low) && (value - first) % Number(step) === 0;
  });
}

function isDue(cron: string, at: Fields): boolean {
  const [minute = '', hour = '', day = '', month = '', weekday = ''] = cron.split(' ');
  const dayFits = matches(day, at.day, [1, 31]);
  const weekdayFits =
    matches(weekday, at.weekday, [0, 7], dayNames) || (at.weekday === 0 && matches(weekday, 7, [0, 7], dayNames));
  const either = day !== '*' && weekday !== '*';
  return (
    matches(minute, at.minute, [0, 59]) &&
    matches(hour, at.hour, [0, 23]) &&
    matches(month, at.month, [1, 12], monthNames) &&
    (either ? dayFits || weekdayFits : dayFits && weekdayFits)
  );
}

/** Every moment of the window at which `cron` is due, ascending. */
export function dueMoments(window: Window, cron: string): number[] {
  const everyHour = cron.split(' ')[1] === '*';
  const shown = window.shown.filter(({ again, fields }) => (everyHour || !again) && isDue(cron, fields));
  const lost = window.lost.filter(({ fields }) => isDue(cron, fields));
  const end = window.shown.at(-1)?.epochMs ?? 0;
  const all = new Set([...shown.map(({ epochMs }) => epochMs), ...lost.map(({ dueMs }) => dueMs)]);
  return [...all].filter((ms) => ms <= end).sort((a, b) => a - b);
}

/** The moments between two years at which a zone's clocks are changed, to the minute. */
export function clockChanges(zone: string, fromYear: number, toYear: number): number[] {
  const stepMs = 12 * 60 * minuteMs;
  const offset = (ms: number): number => clockMs(zone, ms) - ms;
  const changes: number[] = [];
  for (let ms = Date.UTC(fromYear, 0, 1); ms < Date.UTC(toYear, 0, 1); ms += stepMs) {
    if (offset(ms) === offset(ms + stepMs)) continue;
    let [low, high] = [ms, ms + stepMs];
    while (high - low > minuteMs) {
      const middle = low + Math.floor((high - low) / 2 / minuteMs) * minuteMs;
      if (offset(middle) === offset(low)) low = middle;
      else high = middle;
    }
    changes.push(high);
  }
  return changes;
}
