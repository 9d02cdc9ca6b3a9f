import { createHash } from 'node:crypto';

import { vaultError } from '../errors.ts';
import type { NewRestorePoint } from '../vault.ts';

export const defaultLayout = '{job}/{timestamp}-{run}/{source}';

/** A longer segment would not fit a file system's 255 bytes once extensions are added. */
const longestSegment = 180;
const longestKey = 900;

const placeholders = ['job', 'source', 'host', 'run', 'timestamp', 'date', 'time'] as const;
type Placeholder = (typeof placeholders)[number];

/**
 * Text as a key's segment: bytes outside A-Z a-z 0-9 . _ - become %XX, and so does a leading dot. Two texts never
 * become one: what is too long ends in "~" (which is itself never left as it is) and a hash of the whole.
 */
export function safeSegment(text: string | Buffer): string {
  const bytes = typeof text === 'string' ? Buffer.from(text) : text;
  const safe = escapeBytes(bytes).replace(/^\./, '%2E');
  if (safe.length <= longestSegment) return safe === '' ? '%' : safe;
  const digest = createHash('sha256').update(bytes).digest('hex').slice(0, 16);
  return `${safe.slice(0, longestSegment - 20).replace(/%.?$/, '')}~${digest}`;
}

/** Bytes as ASCII text that `unescapeBytes` turns back. */
export function escapeBytes(bytes: Buffer): string {
  return bytes
    .toString('latin1')
    .replaceAll(
      /[^A-Za-z0-9._-]/g,
      (character) => `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
    );
}

/** The bytes that `escapeBytes` was given. */
export function unescapeBytes(text: string): Buffer {
  const latin1 = text.replaceAll(/%([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(latin1, 'latin1');
}

function refuse(message: string): never {
  throw vaultError('bad-options', {
    message,
    hint: `Use a layout such as "${defaultLayout}"; placeholders: ${placeholders.map((name) => `{${name}}`).join(' ')}.`,
  });
}

/**
 * Checks a layout: {job} {source} {host} {run} {timestamp} {date} {time} among segments split by "/". It must tell runs
 * apart; one without {source} is for jobs of one source, and a second one is refused as a key that is taken.
 * vault/bad-options otherwise.
 */
export function checkLayout(layout: string): void {
  const names = [...layout.matchAll(/\{([^{}]*)\}/g)].map((match) => match[1]);
  const unknown = names.find((name) => !placeholders.some((placeholder) => placeholder === name));
  if (unknown !== undefined) refuse(`The layout "${layout}" has the unknown placeholder {${unknown}}.`);
  const has = (...wanted: Placeholder[]): boolean => wanted.every((name) => names.includes(name));
  if (!has('run') && !has('timestamp') && !has('date', 'time')) {
    refuse(
      `The layout "${layout}" has no {run}, {timestamp} or {date} with {time}, so that two runs would have one key.`,
    );
  }
  const fixed = layout.replaceAll(/\{[^{}]*\}/g, 'x');
  if (
    fixed.split('/').some((segment) => segment === '' || segment.startsWith('.')) ||
    /[\u0000-\u001f\u007f{}]/.test(fixed)
  ) {
    refuse(
      `The layout "${layout}" does not make a key: an empty segment, one that begins with a dot, or a stray brace.`,
    );
  }
}

/** The moment in a zone's own time, as "20240207" and "143001". */
function dateAndTime(moment: Date, timezone: string): { readonly date: string; readonly time: string } {
  const format = new Intl.DateTimeFormat('en-US', {
    calendar: 'iso8601',
    hourCycle: 'h23',
    timeZone: timezone,
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
  });
  const parts = Object.fromEntries(format.formatToParts(moment).map(({ type, value }) => [type, value]));
  return {
    date: `${parts['year'] ?? ''}${parts['month'] ?? ''}${parts['day'] ?? ''}`,
    time: `${parts['hour'] ?? ''}${parts['minute'] ?? ''}${parts['second'] ?? ''}`,
  };
}

/**
 * The key of a restore point's artefact without its extension. {date} and {time} are in `timezone`, {timestamp} always in
 * UTC. Equal for no two sources of one job, nor two runs, with the default layout.
 */
export function artefactStem(layout: string, point: NewRestorePoint, timezone = 'UTC'): string {
  const { date, time } = dateAndTime(point.startedAt, timezone);
  const utc = dateAndTime(point.startedAt, 'UTC');
  const values: Readonly<Record<Placeholder, string>> = {
    job: safeSegment(point.job),
    source: safeSegment(point.source.name),
    host: safeSegment(point.host),
    run: safeSegment(point.runId.replaceAll('-', '').slice(0, 8)),
    timestamp: `${utc.date}T${utc.time}Z`,
    date,
    time,
  };
  const stem = layout.replaceAll(/\{([a-z]+)\}/g, (_, name: string) => values[name as Placeholder]);
  if (Buffer.byteLength(stem) > longestKey) {
    throw vaultError('bad-name', {
      message: `The key of "${point.source.name}" in job "${point.job}" would have ${Buffer.byteLength(stem)} bytes.`,
      hint: 'Give the job or the source a shorter name, or the vault a shorter layout.',
    });
  }
  return stem;
}

/** ".sql" for the entry name "db.sql"; nothing when what follows the last dot is no plain extension. */
export function extensionOf(entryName: Buffer): string {
  return /[^/](\.[A-Za-z0-9]{1,16})$/.exec(entryName.toString('latin1'))?.[1] ?? '';
}
