import { parseTime } from '../base/clock.ts';
import {
  listOf,
  mapOf,
  number,
  object,
  objectWith,
  oneOf,
  type Shape,
  ShapeError,
  text,
  textLike,
  type ValueOf,
  wholeNumber,
} from '../base/shape.ts';
import { harmlessProblems } from '../source/index.ts';
import type { NewRestorePoint, RestorePointOutcome } from './vault.ts';

/** Problems beyond this are only counted. */
const mostProblems = 1000;

const time: Shape<Date> = (value, at = '') => {
  const parsed = parseTime(text(value, at));
  if (parsed) return parsed;
  throw new ShapeError(at, 'a time');
};

/** A whole number from 0 on. */
export const count = wholeNumber(0);

export const sha256 = textLike(/^[0-9a-f]{64}$/, '64 hexadecimal digits');

/** What the manifests of all kinds of vaults say of a restore point, as JSON has it. */
export const restorePointMembers = {
  job: text,
  runId: text,
  host: text,
  tags: listOf(text),
  source: object({
    type: oneOf('directory', 'postgres', 'command'),
    name: text,
    shape: oneOf('tree', 'file'),
    paths: listOf(text),
  }),
  startedAt: time,
  finishedAt: time,
  status: oneOf('ok', 'partial'),
  files: count,
  sizeBytes: count,
  problems: listOf(
    object({
      path: text,
      kind: oneOf('unreadable', 'vanished', 'shrank', 'grew', 'changed', 'unsupported', 'not-stored'),
      message: text,
    }),
  ),
  problemCounts: mapOf(count),
  details: objectWith(
    {},
    { serverVersion: text, toolVersions: mapOf(text), rowCounts: mapOf(number), notes: listOf(text) },
  ),
};

const restorePointFacts = object(restorePointMembers);

export type RestorePointFacts = ValueOf<typeof restorePointFacts>;

/** What was counted while a restore point was written. */
export interface WrittenCounts {
  readonly files: number;
  readonly sizeBytes: number;
  readonly finishedAt: Date;
}

/** The facts of a new restore point, with the problems of its source and of its vault. */
export function factsOf(
  point: NewRestorePoint,
  { details, problems }: RestorePointOutcome,
  written: WrittenCounts,
): RestorePointFacts {
  const { job, runId, host, startedAt } = point;
  const { type, name, shape, paths } = point.source;
  const problemCounts: Record<string, number> = {};
  for (const { kind } of problems) problemCounts[kind] = (problemCounts[kind] ?? 0) + 1;
  return {
    job,
    runId,
    host,
    tags: [...point.tags],
    source: { type, name, shape, paths: [...paths] },
    startedAt,
    finishedAt: written.finishedAt,
    status: problems.every(({ kind }) => harmlessProblems.has(kind)) ? 'ok' : 'partial',
    files: written.files,
    sizeBytes: written.sizeBytes,
    problems: problems.slice(0, mostProblems),
    problemCounts,
    details: { ...details, ...(details.notes ? { notes: [...details.notes] } : {}) } as RestorePointFacts['details'],
  };
}
