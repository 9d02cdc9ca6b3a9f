import { createHash, randomBytes, scrypt, type ScryptOptions, scryptSync } from 'node:crypto';
import { promisify } from 'node:util';
import { GiB, MiB } from '../../../base/bytes.ts';
import { hasCode, messageOf } from '../../../base/errors.ts';
import {
  object,
  objectWith,
  oneOf,
  type Shape,
  ShapeError,
  text,
  type ValueOf,
  wholeNumber,
} from '../../../base/shape.ts';
import { vaultError } from '../../errors.ts';
import { open, seal, type SealingKey } from './sealing-key.ts';

/** What scrypt costs: memory 128 N r bytes, time in proportion to N r p. */
export interface ScryptParams {
  readonly N: number;
  readonly r: number;
  readonly p: number;
}

/** 32 MiB and about a third of a second on a present-day core: a wrong password is told at once, and guessing stays dear. */
const defaultParams: ScryptParams = { N: 32_768, r: 8, p: 4 };

/** What a key file may ask for at most: a few seconds. More could only be meant to stop us. */
const maxMemory = GiB;
const maxWork = 1 << 25;
const maxKeyFileSize = MiB;

const positive = wholeNumber(1);

const base64: Shape<Buffer> = (value, at = '') => {
  const written = text(value, at);
  const bytes = Buffer.from(written, 'base64');
  if (bytes.toString('base64') === written) return bytes;
  throw new ShapeError(at, 'base64');
};

const bytesOf =
  (size: number): Shape<Buffer> =>
  (value, at = '') => {
    const bytes = base64(value, at);
    if (bytes.length === size) return bytes;
    throw new ShapeError(at, `base64 of ${size} bytes`);
  };

const keyFile = objectWith(
  { created: text, kdf: oneOf('scrypt'), N: positive, r: positive, p: positive, salt: base64, data: base64 },
  { username: text, hostname: text },
);

/** A file under `keys/`: the repository's key, sealed with one that a password gives. */
export type KeyFile = ValueOf<typeof keyFile>;

/** What `data` seals. */
const masterKey = object({ mac: object({ k: bytesOf(16), r: bytesOf(16) }), encrypt: bytesOf(32) });

const corrupt = (message: string, cause?: unknown): Error =>
  vaultError('corrupt', {
    message,
    hint: 'Put a sound copy of the file below keys/ back, or use another key of the repository.',
    ...(cause === undefined ? {} : { cause }),
  });

function parseAs<Value>(shape: Shape<Value>, bytes: Uint8Array, what: string): Value {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch (error) {
    throw corrupt(`${what} is not JSON.`, error);
  }
  try {
    return shape(value);
  } catch (error) {
    throw corrupt(`${what} is not as it should be: ${messageOf(error)}.`, error);
  }
}

/** Reads a key file. Throws vault/corrupt, also when its parameters of scrypt would cost more than anybody means. */
export function parseKeyFile(bytes: Uint8Array): KeyFile {
  if (bytes.length > maxKeyFileSize) throw corrupt(`A key file has ${bytes.length} bytes.`);
  const file = parseAs(keyFile, bytes, 'A key file');
  const { N, r, p, salt } = file;
  const isPowerOfTwo = N > 1 && Number.isInteger(Math.log2(N));
  if (!isPowerOfTwo || salt.length === 0 || 128 * N * r > maxMemory || N * r * p > maxWork) {
    throw corrupt(`A key file asks for impossible parameters of scrypt: N ${N}, r ${r}, p ${p}.`);
  }
  return file;
}

const scryptOptions = ({ N, r, p }: ScryptParams): ScryptOptions => ({ N, r, p, maxmem: 128 * r * (N + p) + MiB });
const derivedSize = 64;

const sealingKeyOf = (derived: Buffer): SealingKey => ({
  encrypt: derived.subarray(0, 32),
  macK: derived.subarray(32, 48),
  macR: derived.subarray(48, derivedSize),
});

const deriveAsync = promisify<string, Buffer, number, ScryptOptions, Buffer>(scrypt);

/** The repository's key, or undefined when the password is wrong: the file can't tell it from damage to itself. */
export async function unlockKeyFile(file: KeyFile, password: string): Promise<SealingKey | undefined> {
  const derived = await deriveAsync(password, file.salt, derivedSize, scryptOptions(file));
  let opened: Buffer;
  try {
    opened = open(sealingKeyOf(derived), file.data);
  } catch (error) {
    if (hasCode(error, 'vault/corrupt')) return undefined;
    throw error;
  }
  const { mac, encrypt } = parseAs(masterKey, opened, 'The key in a key file');
  return { encrypt, macK: mac.k, macR: mac.r };
}

export interface NewKeyFile {
  readonly password: string;
  readonly key: SealingKey;
  readonly username: string;
  readonly hostname: string;
  readonly created: Date;
  readonly params?: ScryptParams;
}

const toBase64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');

/** The repository's own key, as key files seal it. */
export const masterKeyJson = ({
  macK,
  macR,
  encrypt,
}: SealingKey): { readonly mac: unknown; readonly encrypt: string } => ({
  mac: { k: toBase64(macK), r: toBase64(macR) },
  encrypt: toBase64(encrypt),
});

/** A key file's bytes, and the name that it must have below `keys/`. Takes a third of a second. */
export function createKeyFile({ password, key, username, hostname, created, params }: NewKeyFile): {
  id: string;
  bytes: Buffer;
} {
  const { N, r, p } = params ?? defaultParams;
  const salt = randomBytes(64);
  const derived = scryptSync(password, salt, derivedSize, scryptOptions({ N, r, p }));
  const data = toBase64(seal(sealingKeyOf(derived), Buffer.from(JSON.stringify(masterKeyJson(key)))));
  const file = {
    created: created.toISOString(),
    username,
    hostname,
    kdf: 'scrypt',
    N,
    r,
    p,
    salt: toBase64(salt),
    data,
  };
  const bytes = Buffer.from(JSON.stringify(file));
  return { id: createHash('sha256').update(bytes).digest('hex'), bytes };
}
