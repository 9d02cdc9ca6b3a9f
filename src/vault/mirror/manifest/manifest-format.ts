import { createHash } from 'node:crypto';
import { objectWith, oneOf } from '../../../base/shape.ts';
import { vaultError } from '../../errors.ts';
import { count, type RestorePointFacts, restorePointMembers } from '../../restore-point-facts.ts';
import type { RestorePoint } from '../../vault.ts';
import type { MirrorPlace } from '../mirror-spec.ts';

/**
 * A manifest is one JSON document, written and read as a stream:
 *
 *     {"holdfast":"mirror","formatVersion":1,
 *     "entries":{
 *     "path":{…},          one line for each entry, in the source's order (record.ts)
 *     "path":{…}
 *     },
 *     "restorePoint":{…},
 *     "checksums":{"restorePoint":"…","all":"…"}}
 *
 * `all` is the SHA-256 of every byte before the last line. The last two lines are enough to list the restore point.
 */
const formatVersion = 1;
export const manifestHead = `{"holdfast":"mirror","formatVersion":${formatVersion},\n"entries":{\n`;
const pointStart = '\n},\n"restorePoint":';
const lastLine = /^"checksums":\{"restorePoint":"([0-9a-f]{64})","all":"([0-9a-f]{64})"\}\}\n$/;
export const lastLineBytes = endingLine('0'.repeat(64), '0'.repeat(64)).length;

function endingLine(point: string, all: string): string {
  return `"checksums":{"restorePoint":"${point}","all":"${all}"}}\n`;
}

const summary = objectWith(
  { ...restorePointMembers, formatVersion: oneOf(formatVersion), storedBytes: count },
  { uid: count },
);

/** What a manifest says of its restore point. */
export type MirrorFacts = RestorePointFacts & {
  readonly storedBytes: number;
  /** Whose process read the source: what it may not see is not there. */
  readonly uid?: number;
};

const digestOf = (text: string): string => createHash('sha256').update(text).digest('hex');

/** Everything behind the entries but the last line, and what makes that line of the digest of all before it. */
export function encodeEnd(facts: MirrorFacts): { readonly text: string; readonly last: (all: string) => string } {
  const point = JSON.stringify({ formatVersion, ...facts });
  const text = `${pointStart}${point},\n`;
  return { text, last: (all) => endingLine(digestOf(point), all) };
}

export const badManifest = (key: string, detail: string, cause?: unknown): Error =>
  vaultError('bad-manifest', {
    message: `The manifest "${key}" can not be read: ${detail}.`,
    hint: 'The files beside it are whole all the same. Delete the manifest, and the next run uploads everything anew.',
    context: { key },
    ...(cause === undefined ? {} : { cause }),
  });

/** The last lines of a manifest: its restore point and the digest of all but the last line. */
export interface ManifestEnd {
  readonly facts: MirrorFacts;
  readonly all: string;
}

/**
 * Reads the end of a manifest. Undefined when `tail` may be too short to tell. vault/newer-format when a later version
 * wrote it, vault/bad-manifest when it is damaged.
 */
export function decodeEnd(key: string, tail: Buffer): ManifestEnd | undefined {
  const last = lastLine.exec(tail.subarray(-lastLineBytes).toString('latin1'));
  if (!last) throw badManifest(key, 'it is cut off, or no manifest of a mirror');
  const start = tail.lastIndexOf(pointStart);
  if (start < 0) return undefined;
  const point = tail.toString('utf8', start + pointStart.length, tail.length - lastLineBytes - ',\n'.length);
  if (digestOf(point) !== last[1]) throw badManifest(key, 'its checksum does not match');
  const body = JSON.parse(point) as Record<string, unknown>;
  if (typeof body['formatVersion'] === 'number' && body['formatVersion'] > formatVersion) {
    throw vaultError('newer-format', {
      message: `The manifest "${key}" has format version ${body['formatVersion']}; this program knows ${formatVersion}.`,
      hint: 'Use a newer version of Holdfast.',
      context: { key },
    });
  }
  try {
    const { formatVersion: _version, ...facts } = summary(body);
    return { facts, all: last[2] ?? '' };
  } catch (error) {
    throw badManifest(key, 'its restore point lacks something', error);
  }
}

/** The restore point that a manifest stands for: the state of its last run. */
export function toRestorePoint({ manifestKey, prefix }: MirrorPlace, facts: MirrorFacts, vault: string): RestorePoint {
  const { problemCounts: _counts, uid: _uid, ...rest } = facts;
  return {
    ...rest,
    id: digestOf(`${manifestKey}\n${facts.runId}`).slice(0, 32),
    vault,
    format: 'mirror',
    keys: [manifestKey, ...(prefix === '' ? [] : [prefix])],
  };
}
