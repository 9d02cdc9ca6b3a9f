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
 * Checks a layout: {job} {source} {host} {run} {timestamp} {date} {time} (UTC) among segments split by "/". It must
 * tell sources and runs apart. vault/bad-options otherwise.
 */
export function checkLayout(layout: string): void {
  const names = [...layout.matchAll(/\{([^{}]*)\}/g)].map((match) => match[1]);
  const unknown = names.find((name) => !placeholders.some((placeholder) => placeholder === name));
  if (unknown !== undefined) refuse(`The layout "${layout}" has the unknown placeholder {${unknown}}.`);
  const has = (...wanted: Placeholder[]): boolean => wanted.every((name) => names.includes(name));
  if (!has('source')) refuse(`The layout "${layout}" lacks {source}, so that two sources would have one key.`);
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

/** The key of a restore point's artefact without its extension. Equal for no two sources of one job, nor two runs. */
export function artefactStem(layout: string, point: NewRestorePoint): string {
  const [date = '', time = ''] = point.startedAt.toISOString().replaceAll(/[-:]/g, '').slice(0, 15).split('T');
  const values: Readonly<Record<Placeholder, string>> = {
    job: safeSegment(point.job),
    source: safeSegment(point.source.name),
    host: safeSegment(point.host),
    run: safeSegment(point.runId.replaceAll('-', '').slice(0, 8)),
    timestamp: `${date}T${time}Z`,
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
