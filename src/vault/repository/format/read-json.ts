import { isUtf8 } from 'node:buffer';
import { vaultError } from '../../errors.ts';

export type JsonObject = Readonly<Record<string, unknown>>;

/** The error for what is not as the format wants it; `what` names the file: "A tree". */
export const corrupt = (what: string, reason: string, cause?: unknown): Error =>
  vaultError('corrupt', {
    message: `${what} of the repository is damaged: ${reason}.`,
    hint: 'Verify the repository; what it still holds can be restored.',
    ...(cause !== undefined && { cause }),
  });

/** The text of a JSON file. Throws vault/corrupt when it is no UTF-8. */
export function jsonText(bytes: Uint8Array, what: string): string {
  if (!isUtf8(bytes)) throw corrupt(what, 'it is not UTF-8');
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString();
}

/** A JSON object. Throws vault/corrupt when `text` is none. */
export function parseObject(text: string, what: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw corrupt(what, 'it is no JSON', error);
  }
  return asObject(value, what);
}

export function asObject(value: unknown, what: string): JsonObject {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as JsonObject;
  throw corrupt(what, 'an object was expected');
}

/** An array; absent and null (what Go writes for an empty one) are empty. */
export function asArray(value: unknown, what: string): readonly unknown[] {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value)) return value;
  throw corrupt(what, 'a list was expected');
}

export function asString(value: unknown, what: string): string {
  if (typeof value === 'string') return value;
  throw corrupt(what, 'a text was expected');
}

/** A whole number from 0 to `limit`. */
export function asNumber(value: unknown, what: string, limit = Number.MAX_SAFE_INTEGER): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= limit) return value;
  throw corrupt(what, `a number from 0 to ${limit} was expected`);
}

const idPattern = /^[0-9a-f]{64}$/;

/** True for the SHA-256 of something in hex, as it names blobs and files. */
export const isId = (value: unknown): value is string => typeof value === 'string' && idPattern.test(value);

export function asId(value: unknown, what: string): string {
  if (isId(value)) return value;
  throw corrupt(what, 'an id of 64 hex digits was expected');
}

/** `undefined` where Go leaves a field out or writes null, else what `read` makes of it. */
export const optional = <Value>(
  value: unknown,
  what: string,
  read: (value: unknown, what: string) => Value,
): Value | undefined => (value === undefined || value === null ? undefined : read(value, what));

export const maxUint32 = 2 ** 32 - 1;
