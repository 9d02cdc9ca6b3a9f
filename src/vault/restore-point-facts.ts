import { z } from 'zod';

import { parseTime } from '../base/clock.ts';
import { harmlessProblems } from '../source/index.ts';
import type { NewRestorePoint, RestorePointOutcome } from './vault.ts';

/** Problems beyond this are only counted. */
const mostProblems = 1000;

const time = z.string().transform((text, context) => {
  const parsed = parseTime(text);
  if (parsed) return parsed;
  context.addIssue({ code: 'custom', message: 'is no time' });
  return z.NEVER;
});

/** A whole number from 0 on. */
export const count = z.number().int().nonnegative();
/** 64 hexadecimal digits. */
export const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

/** What the manifests of all kinds of vaults say of a restore point, as JSON has it. */
export const restorePointFacts = z.object({
  job: z.string(),
  runId: z.string(),
  host: z.string(),
  tags: z.array(z.string()),
  source: z.object({
    type: z.enum(['directory', 'postgres', 'command']),
    name: z.string(),
    shape: z.enum(['tree', 'file']),
    paths: z.array(z.string()),
  }),
  startedAt: time,
  finishedAt: time,
  status: z.enum(['ok', 'partial']),
  files: count,
  sizeBytes: count,
  problems: z.array(
    z.object({
      path: z.string(),
      kind: z.enum(['unreadable', 'vanished', 'shrank', 'grew', 'changed', 'unsupported', 'not-stored']),
      message: z.string(),
    }),
  ),
  problemCounts: z.record(z.string(), count),
  details: z.object({
    serverVersion: z.string().exactOptional(),
    toolVersions: z.record(z.string(), z.string()).exactOptional(),
    rowCounts: z.record(z.string(), z.number()).exactOptional(),
    notes: z.array(z.string()).exactOptional(),
  }),
});

export type RestorePointFacts = z.infer<typeof restorePointFacts>;

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
