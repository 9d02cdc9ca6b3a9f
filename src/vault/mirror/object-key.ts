import { isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';

/**
 * A path as text for a key or JSON, which `unescapePath` turns back. Ordinary names stay as they are; bytes that are not
 * UTF-8, control characters and what would read as an escape become %XX.
 */
export function escapePath(path: Buffer): string {
  if (!isUtf8(path)) return escapeBytewise(path);
  const text = path.toString('utf8');
  return /[\p{Cc}%\uFFFE\uFFFF]/u.test(text) ? escapeText(text) : text;
}

const hex = (bytes: Uint8Array): string =>
  [...bytes].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join('');

/** A "%" needs an escape only where two hexadecimal digits follow. */
const escapeText = (text: string): string =>
  text.replaceAll(/[\p{Cc}\uFFFE\uFFFF]|%(?=[0-9A-Fa-f]{2})/gu, (character) => hex(Buffer.from(character)));

function escapeBytewise(path: Buffer): string {
  let text = '';
  let from = 0;
  for (let at = 0; at < path.length;) {
    const length = [1, 2, 3, 4].find((size) => at + size <= path.length && isUtf8(path.subarray(at, at + size)));
    if (length !== undefined) {
      at += length;
      continue;
    }
    text += escapeText(path.toString('utf8', from, at)) + hex(path.subarray(at, at + 1));
    at += 1;
    from = at;
  }
  return text + escapeText(path.toString('utf8', from));
}

/** The path that `escapePath` was given. */
export function unescapePath(text: string): Buffer {
  if (!text.includes('%')) return Buffer.from(text);
  const parts = text.split(/%([0-9A-Fa-f]{2})/);
  return Buffer.concat(parts.map((part, index) => Buffer.from(part, index % 2 === 1 ? 'hex' : 'utf8')));
}

/** Leaves room for a store's own prefix within the 1024 bytes of a key. */
const longestKey = 900;
const longestSegment = 255;
/** Names that a store in a folder refuses. */
const reservedSegment = /^(\.holdfast-tmp-|lost\+found$)/;

const fits = (key: string): boolean =>
  Buffer.byteLength(key) <= longestKey &&
  key.split('/').every((segment) => Buffer.byteLength(segment) <= longestSegment && !reservedSegment.test(segment));

/** The escape of a byte that is in no name: no path has a key in this folder. */
const hashedFolder = '%00/';

/** The key of a file whose path can't be one. */
export function hashedKey(prefix: string, path: Buffer): string {
  return `${prefix}${hashedFolder}${createHash('sha256').update(path).digest('hex')}`;
}

/**
 * The key of a file's object: the prefix and its path, where that can be a key and is not taken by the mirror itself.
 * Equal for no two paths.
 */
export function objectKey({ prefix, manifestKey, pendingPrefix }: MirrorKeys, path: Buffer): string {
  const key = prefix + escapePath(path);
  const isOurs = key === manifestKey || key.startsWith(pendingPrefix) || `${key}/` === pendingPrefix;
  return fits(key) && !isOurs ? key : hashedKey(prefix, path);
}

/** The keys that a mirror itself uses. */
export interface MirrorKeys {
  readonly prefix: string;
  readonly manifestKey: string;
  readonly pendingPrefix: string;
}

/**
 * The order of a source's entries: a directory before what is in it, names ascending by bytes. Negative when `a` comes
 * first, 0 when they are equal.
 */
export function comparePaths(a: Buffer, b: Buffer): number {
  const shorter = Math.min(a.length, b.length);
  for (let at = 0; at < shorter; at += 1) {
    const left = a[at] as number;
    const right = b[at] as number;
    if (left !== right) return rank(left) - rank(right);
  }
  return a.length - b.length;
}

const slash = 0x2f;
/** No name has a zero byte: the slash takes its place before all others. */
const rank = (byte: number): number => (byte === slash ? 0 : byte);
