import { createHash } from 'node:crypto';
import { messageOf } from '../../base/errors.ts';
import { object, objectWith, oneOf, text, textLike, type ValueOf } from '../../base/shape.ts';
import { vaultError } from '../errors.ts';
import { count, restorePointMembers, sha256 } from '../restore-point-facts.ts';
import type { RestorePoint } from '../vault.ts';
import { encryptionDescriptor } from './encryption/encryption-descriptor.ts';

export const manifestSuffix = '.manifest.json';
const formatVersion = 1;

const mtimeNs = textLike(/^-?[0-9]{1,30}$/, 'a whole number as a text');

const artefact = objectWith(
  {
    key: text,
    storedBytes: count,
    storedSha256: sha256,
    plainBytes: count,
    plainSha256: sha256,
    compression: oneOf('gzip', 'zstd', 'none'),
  },
  {
    encryption: encryptionDescriptor,
    /** Of shape "file": the one entry, its name with %XX for what is not plain ASCII. */
    entry: object({ name: text, mode: count, uid: count, gid: count, mtimeNs }),
  },
);

const manifest = object({ ...restorePointMembers, formatVersion: oneOf(formatVersion), artefact });

export type Artefact = ValueOf<typeof artefact>;
export type Manifest = ValueOf<typeof manifest>;

/** What a new manifest is made of: the rest follows from it. */
export type NewManifest = Omit<Manifest, 'formatVersion'>;

const checksumOf = (body: object): string => createHash('sha256').update(JSON.stringify(body)).digest('hex');

/** A manifest as bytes: JSON for people, with a checksum of itself. */
export function encodeManifest(manifest: NewManifest): Buffer {
  const body = JSON.parse(JSON.stringify({ formatVersion, ...manifest })) as object;
  return Buffer.from(`${JSON.stringify({ ...body, checksum: checksumOf(body) }, undefined, 2)}\n`);
}

const badManifest = (key: string, detail: string, cause?: unknown): Error =>
  vaultError('bad-manifest', {
    message: `The manifest "${key}" can not be read: ${detail}.`,
    hint: 'The artefact beside it may still be whole: open it with tar or gunzip, or restore another restore point.',
    context: { key },
    ...(cause === undefined ? {} : { cause }),
  });

function parseJson(key: string, bytes: Buffer): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    throw badManifest(key, 'it is not JSON', error);
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw badManifest(key, 'it is not an object');
}

/** Reads a manifest. vault/newer-format when a later version wrote it, vault/bad-manifest when it is damaged. */
export function decodeManifest(key: string, bytes: Buffer): Manifest {
  const { checksum, ...body } = parseJson(key, bytes);
  if (typeof body['formatVersion'] === 'number' && body['formatVersion'] > formatVersion) {
    throw vaultError('newer-format', {
      message: `The manifest "${key}" has format version ${body['formatVersion']}; this program knows ${formatVersion}.`,
      hint: 'Use a newer version of Holdfast.',
      context: { key },
    });
  }
  if (checksum !== checksumOf(body)) throw badManifest(key, 'its checksum does not match');
  try {
    return manifest(body);
  } catch (error) {
    throw badManifest(key, messageOf(error), error);
  }
}

/** The artefact that a manifest stands beside. The name counts, not what the manifest says: the folder may have moved. */
export const artefactKeyOf = (manifestKey: string): string => manifestKey.slice(0, -manifestSuffix.length);

/** "archive/zstd+age". */
function formatOf({ compression, encryption }: Artefact): string {
  return `archive/${compression}${encryption ? `+${encryption.type}` : ''}`;
}

/** A restore point's id, by the key of its manifest. */
export const idOf = (manifestKey: string): string =>
  createHash('sha256').update(manifestKey).digest('hex').slice(0, 32);

/** The restore point that a manifest describes. */
export function toRestorePoint(manifestKey: string, manifest: Manifest, vault: string): RestorePoint {
  const { artefact, formatVersion: _version, problemCounts: _counts, ...facts } = manifest;
  return {
    ...facts,
    id: idOf(manifestKey),
    vault,
    format: formatOf(artefact),
    storedBytes: artefact.storedBytes,
    keys: [artefactKeyOf(manifestKey), manifestKey],
  };
}
