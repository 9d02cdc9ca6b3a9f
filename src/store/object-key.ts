import { storeError } from './errors.ts';

/** S3's limit, in UTF-8 bytes; every store keeps to it so that objects can be moved between stores. */
export const maxKeyBytes = 1024;

/** What is wrong with a key, or undefined when it is a good one. The rules are those of ObjectStore. */
function problemOf(key: string): string | undefined {
  if (key === '') return 'it is empty';
  if (!key.isWellFormed()) return 'it is not valid Unicode';
  const sizeBytes = Buffer.byteLength(key);
  if (sizeBytes > maxKeyBytes) return `it has ${sizeBytes} bytes; ${maxKeyBytes} are allowed`;
  // XML, in which S3 lists keys, can't carry the last two.
  if (/[\p{Cc}\uFFFE\uFFFF]/u.test(key)) return 'it has a control character';
  const bad = key.split('/').find((segment) => segment === '' || segment === '.' || segment === '..');
  if (bad !== undefined) return bad === '' ? 'it has an empty segment' : `it has the segment "${bad}"`;
  return undefined;
}

/** True when `key` may name an object. */
export function isKey(key: string): boolean {
  return problemOf(key) === undefined;
}

/** Returns `key`, or throws store/bad-key when it may not name an object. */
export function checkKey(key: string): string {
  const problem = problemOf(key);
  if (problem === undefined) return key;
  throw storeError('bad-key', {
    message: `${JSON.stringify(key)} can't be the key of an object: ${problem}`,
    hint: 'Rename what the key is made from, or exclude it.',
    context: { key },
  });
}

/** Orders keys as stores list them: by their UTF-8 bytes. (JavaScript's own order differs beyond U+FFFF.) */
export function compareKeys(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
