import { basename } from 'node:path';
import { momentAt } from '../../../base/clock.ts';
import { object, ShapeError, text, type ValueOf } from '../../../base/shape.ts';
import { count, type RestorePointFacts, restorePointMembers } from '../../restore-point-facts.ts';
import type { RestorePoint } from '../../vault.ts';
import { quoteName, unquoteName } from '../format/go-json.ts';
import type { Snapshot } from '../format/snapshot-file.ts';
import type { UnknownField } from '../format/unknown-fields.ts';

const fieldName = 'holdfast';

/** What a snapshot of ours says beyond restic's fields, in one field more, which restic passes over. */
const holdfastFacts = object({
  ...restorePointMembers,
  /** Where the entries' root is in the tree, as Go quotes it; "/" for the uppermost. */
  root: text,
  storedBytes: count,
});

export type HoldfastFacts = ValueOf<typeof holdfastFacts>;

/** A snapshot with its name. */
export interface FoundSnapshot {
  readonly id: string;
  readonly snapshot: Snapshot;
}

/** The field that we add to a snapshot. */
export function holdfastField(facts: RestorePointFacts, root: Buffer, storedBytes: number): UnknownField {
  return { name: fieldName, value: JSON.stringify({ ...facts, root: quoteName(root), storedBytes }), after: 'summary' };
}

/** Our field's value, parsed. */
function fieldOf({ unknown = [] }: Snapshot): unknown {
  const field = unknown.find(({ name }) => name === fieldName);
  return field && (JSON.parse(field.value) as unknown);
}

/** What we said of a snapshot of ours; undefined of restic's, and of one that restic has rewritten. */
export function holdfastFactsOf(snapshot: Snapshot): HoldfastFacts | undefined {
  const field = fieldOf(snapshot);
  try {
    return field === undefined ? undefined : holdfastFacts(field);
  } catch (error) {
    if (error instanceof ShapeError) return undefined;
    throw error;
  }
}

/** A snapshot of which fewer files are left: what it says of them is changed, as far as it says anything. */
export function withCounts(
  snapshot: Snapshot,
  counts: { readonly files: number; readonly sizeBytes: number },
): Snapshot {
  const { summary, unknown } = snapshot;
  const facts = holdfastFactsOf(snapshot);
  const value = JSON.stringify({ ...facts, ...counts });
  return {
    ...snapshot,
    ...(summary && {
      summary: { ...summary, totalFilesProcessed: counts.files, totalBytesProcessed: counts.sizeBytes },
    }),
    ...(facts &&
      unknown && { unknown: unknown.map((field) => (field.name === fieldName ? { ...field, value } : field)) }),
  };
}

/** Where in the tree the entries of a restore point begin: the segments from "/" down. */
export function rootSegments({ snapshot }: FoundSnapshot): Buffer[] {
  const facts = holdfastFactsOf(snapshot);
  const [only, ...others] = snapshot.paths;
  return segmentsOf(
    facts ? unquoteName(facts.root) : Buffer.from(only !== undefined && others.length === 0 ? only : '/'),
  );
}

/** The names in an absolute path, from "/" down. */
export function segmentsOf(path: Buffer): Buffer[] {
  const segments: Buffer[] = [];
  for (let at = 0; at < path.length;) {
    const end = path.indexOf(0x2f, at);
    const segment = path.subarray(at, end < 0 ? path.length : end);
    if (segment.length > 0) segments.push(segment);
    at = end < 0 ? path.length : end + 1;
  }
  return segments;
}

const momentOf = (ns: bigint): Date => momentAt(Number(ns / 1_000_000n));

/** A snapshot as a restore point. Of restic's own, what it does not say is told as far as it can be. */
export function restorePointOf(found: FoundSnapshot, vault: string, version: number): RestorePoint {
  const { id, snapshot } = found;
  const keys = [`snapshots/${id}`];
  const format = `repository/restic-v${version}`;
  const facts = holdfastFactsOf(snapshot);
  const tags = snapshot.tags ?? [];
  if (facts) {
    const { root: _, problemCounts: __, ...rest } = facts;
    // These may have been rewritten since.
    const { hostname: host = rest.host } = snapshot;
    return { ...rest, host, startedAt: momentOf(snapshot.timeNs), tags, id, vault, format, keys };
  }
  const startedAt = momentOf(snapshot.timeNs);
  const { summary } = snapshot;
  return {
    id,
    vault,
    format,
    keys,
    job: 'restic',
    runId: id.slice(0, 32),
    host: snapshot.hostname ?? '',
    tags,
    source: {
      type: 'directory',
      name: basename(snapshot.paths[0] ?? '') || 'root',
      shape: 'tree',
      paths: snapshot.paths,
    },
    startedAt,
    finishedAt: summary ? momentOf(summary.backupEndNs) : startedAt,
    status: 'ok',
    files: summary?.totalFilesProcessed ?? 0,
    sizeBytes: summary?.totalBytesProcessed ?? 0,
    storedBytes: summary?.dataAddedPacked ?? 0,
    details: {},
    problems: [],
  };
}
