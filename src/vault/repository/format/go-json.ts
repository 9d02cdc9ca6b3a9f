import { isUtf8 } from 'node:buffer';

import { vaultError } from '../../errors.ts';
import { isPrintable } from './printable.ts';

const toEscape = /["\\<>&\u0000-\u001f\u2028\u2029\ud800-\udfff]/u;
const toEscapeAll = new RegExp(toEscape, 'gu');

const shortEscapes: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
};

const hex = (code: number, digits: number): string => code.toString(16).padStart(digits, '0');

/** A lone surrogate is what JavaScript makes of text that is no Unicode; Go writes U+FFFD for it, escaped. */
const escapeCharacter = (character: string): string => {
  const code = character.charCodeAt(0);
  return shortEscapes[character] ?? `\\u${code >= 0xd800 && code <= 0xdfff ? 'fffd' : hex(code, 4)}`;
};

/**
 * A JSON string literal as Go's encoding/json writes it: < > & and U+2028, U+2029 are escaped too. Backspace and form
 * feed become \b and \f, as since Go 1.22 (restic 0.17); before, they were \u0008 and \u000c. Names of files never show
 * the difference, since quoteName takes both away first.
 */
export function goString(text: string): string {
  return toEscape.test(text) ? `"${text.replace(toEscapeAll, escapeCharacter)}"` : `"${text}"`;
}

const asBuffer = (bytes: Uint8Array): Buffer =>
  Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

interface Rune {
  /** -1 for a byte that is no UTF-8. */
  readonly codePoint: number;
  readonly width: number;
}

const notUtf8: Rune = { codePoint: -1, width: 1 };

/** The smallest code point of each width: less is an overlong form. */
const smallest = [0, 0, 0x80, 0x800, 0x10000];

function widthOf(first: number): number {
  if (first < 0x80) return 1;
  if (first < 0xc2) return 0;
  if (first < 0xe0) return 2;
  if (first < 0xf0) return 3;
  return first < 0xf5 ? 4 : 0;
}

/** Go's utf8.DecodeRune: what is not valid as a whole counts as one bad byte, and the next is looked at anew. */
function runeAt(bytes: Uint8Array, at: number): Rune {
  const first = bytes[at] as number;
  const width = widthOf(first);
  if (width === 1) return { codePoint: first, width };
  if (width === 0 || at + width > bytes.length) return notUtf8;
  let codePoint = first & (0x7f >> width);
  for (let next = at + 1; next < at + width; next += 1) {
    const byte = bytes[next] as number;
    if ((byte & 0xc0) !== 0x80) return notUtf8;
    codePoint = (codePoint << 6) | (byte & 0x3f);
  }
  const surrogate = codePoint >= 0xd800 && codePoint <= 0xdfff;
  return codePoint < (smallest[width] as number) || codePoint > 0x10ffff || surrogate ? notUtf8 : { codePoint, width };
}

/** The same for bytes that should be UTF-8: each byte that is not becomes \ufffd, and is lost. */
export function goStringOfBytes(bytes: Uint8Array): string {
  if (isUtf8(bytes)) return goString(asBuffer(bytes).toString());
  let text = '';
  for (let at = 0; at < bytes.length;) {
    const { codePoint, width } = runeAt(bytes, at);
    text += codePoint < 0 ? '\ud800' : String.fromCodePoint(codePoint);
    at += width;
  }
  return goString(text);
}

const namedEscapes = new Map([
  [0x07, '\\a'],
  [0x08, '\\b'],
  [0x09, '\\t'],
  [0x0a, '\\n'],
  [0x0b, '\\v'],
  [0x0c, '\\f'],
  [0x0d, '\\r'],
  [0x22, '\\"'],
  [0x5c, '\\\\'],
]);

function quoteRune(codePoint: number): string {
  const named = namedEscapes.get(codePoint);
  if (named !== undefined) return named;
  if (isPrintable(codePoint)) return String.fromCodePoint(codePoint);
  if (codePoint < 0x20 || codePoint === 0x7f) return `\\x${hex(codePoint, 2)}`;
  return codePoint < 0x10000 ? `\\u${hex(codePoint, 4)}` : `\\U${hex(codePoint, 8)}`;
}

function quoteSlowly(name: Uint8Array): string {
  let quoted = '';
  for (let at = 0; at < name.length;) {
    const { codePoint, width } = runeAt(name, at);
    quoted += codePoint < 0 ? `\\x${hex(name[at] as number, 2)}` : quoteRune(codePoint);
    at += width;
  }
  return quoted;
}

function isPlain(name: Uint8Array): boolean {
  for (let at = 0; at < name.length; at += 1) {
    const byte = name[at] as number;
    if (byte < 0x20 || byte > 0x7e || byte === 0x22 || byte === 0x5c) return false;
  }
  return true;
}

/**
 * A name as Go's strconv.Quote writes it, without the quotes around it: text that stands for any bytes (what is no UTF-8
 * becomes \xNN). Which characters are printable is decided by Unicode 15.0, see isPrintable; restic of any version
 * reads the quoted and the plain form alike.
 */
export function quoteName(name: Uint8Array): string {
  return isPlain(name) ? asBuffer(name).toString('latin1') : quoteSlowly(name);
}

const escapePattern =
  /\\(?:(?<named>[abfnrtv\\"])|x(?<byte>[0-9a-fA-F]{2})|(?<octal>[0-7]{3})|u(?<short>[0-9a-fA-F]{4})|U(?<long>[0-9a-fA-F]{8}))/y;
const unescaped: Readonly<Record<string, number>> = { a: 7, b: 8, t: 9, n: 10, v: 11, f: 12, r: 13, '"': 34, '\\': 92 };

const badName = (text: string): Error =>
  vaultError('corrupt', { message: `The name ${JSON.stringify(text)} is not quoted as names in a tree are.` });

/** The bytes that one escape stands for, or undefined when it is none. */
function unescape(groups: Readonly<Record<string, string | undefined>>): Uint8Array | undefined {
  const { named, byte, octal, short, long } = groups;
  if (named !== undefined) return Uint8Array.of(unescaped[named] as number);
  if (byte !== undefined) return Uint8Array.of(parseInt(byte, 16));
  if (octal !== undefined) return parseInt(octal, 8) > 255 ? undefined : Uint8Array.of(parseInt(octal, 8));
  const digits = short ?? long;
  if (digits === undefined) return undefined;
  const codePoint = parseInt(digits, 16);
  if (codePoint > 0x10ffff || (codePoint >= 0xd800 && codePoint <= 0xdfff)) return undefined;
  return Buffer.from(String.fromCodePoint(codePoint));
}

/** The inverse of quoteName, for all that Go's strconv.Unquote takes. Throws vault/corrupt. */
export function unquoteName(text: string): Buffer {
  if (!/[\\"\n]/.test(text)) return Buffer.from(text);
  const parts: Uint8Array[] = [];
  for (let at = 0; at < text.length;) {
    const next = text.slice(at).search(/[\\"\n]/);
    const end = next < 0 ? text.length : at + next;
    parts.push(Buffer.from(text.slice(at, end)));
    if (end === text.length) break;
    escapePattern.lastIndex = end;
    const bytes = unescape(escapePattern.exec(text)?.groups ?? {});
    if (bytes === undefined) throw badName(text);
    parts.push(bytes);
    at = escapePattern.lastIndex;
  }
  return Buffer.concat(parts);
}
