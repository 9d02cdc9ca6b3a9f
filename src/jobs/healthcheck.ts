import { access, constants } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { Clock } from '../base/clock.ts';
import { HoldfastError, messageOf, systemCode } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import { scrub } from '../base/secrets.ts';
import type { Job, VaultUse } from '../config/index.ts';
import { openSources, type SourceSpec } from '../source/index.ts';
import { openStore } from '../store/index.ts';
import { jobsError } from './errors.ts';

/** Whether one thing that a job needs has answered. */
export interface HealthAnswer {
  readonly kind: 'source' | 'store';
  /** "postgres db.example:5432/app", "s3://bucket/prefix": no secret. */
  readonly about: string;
  readonly type: string;
  readonly answers: boolean;
  /** Why not. */
  readonly message?: string;
  readonly hint?: string;
}

export interface HealthOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  /** How long one of them may take; 15 000 unless given. */
  readonly timeoutMs?: number;
}

const defaultTimeoutMs = 15_000;

/** Runs a check that ends in time, whatever it waits for. */
async function answer(
  about: Pick<HealthAnswer, 'kind' | 'about' | 'type'>,
  options: HealthOptions,
  check: (signal: AbortSignal) => Promise<string | undefined>,
): Promise<HealthAnswer> {
  const { timeoutMs = defaultTimeoutMs, clock, signal } = options;
  const over = new AbortController();
  const done = new AbortController();
  const limit = clock.sleep(timeoutMs, AbortSignal.any([signal, done.signal])).then(() => {
    const seconds = Math.round(timeoutMs / 1000);
    const error = jobsError('no-answer', {
      message: `${about.about} did not answer within ${seconds} s`,
      hint: 'Check that it runs, and the network on the way to it.',
    });
    over.abort(error);
    throw error;
  });
  limit.catch(() => {}); // whoever ends first is heard
  try {
    const name = await Promise.race([check(AbortSignal.any([signal, over.signal])), limit]);
    return { ...about, about: name ?? about.about, answers: true };
  } catch (error) {
    signal.throwIfAborted();
    const hint = error instanceof HoldfastError && error.hint !== undefined ? { hint: error.hint } : {};
    return { ...about, answers: false, message: scrub(messageOf(error)), ...hint };
  } finally {
    done.abort();
  }
}

function checkSource(job: Job, spec: SourceSpec, options: HealthOptions): Promise<HealthAnswer> {
  const about = `${spec.type} ${spec.name ?? `of the job ${job.name}`}`;
  return answer({ kind: 'source', about, type: spec.type }, options, async (signal) => {
    const sources = await openSources(spec, { ...options, signal });
    const absent = sources.flatMap((source) => source.absent ?? [])[0];
    if (absent) throw absent;
    return `${spec.type} ${sources.flatMap(({ paths }) => paths).join(', ')}`.trim();
  });
}

/** A folder need not be there before the first run; what it will be made in must be, and must let us write. */
async function checkFolder(path: string): Promise<void> {
  for (let folder = resolve(path); ; folder = dirname(folder)) {
    try {
      return await access(folder === dirname(folder) ? folder : `${folder}/`, constants.W_OK | constants.X_OK);
    } catch (error) {
      if (systemCode(error) === 'ENOENT' && folder !== dirname(folder)) continue;
      throw jobsError('no-answer', {
        message: `${folder} can't be written to (${systemCode(error) ?? messageOf(error)})`,
        hint: 'Correct the path or its permissions, or mount the disk that it is on.',
        cause: error,
      });
    }
  }
}

function checkStore({ name, store: spec }: VaultUse, options: HealthOptions): Promise<HealthAnswer> {
  return answer({ kind: 'store', about: `the store of ${name}`, type: spec.type }, options, async (signal) => {
    if (spec.type === 'local') await checkFolder(spec.path);
    const store = await openStore(spec, { ...options, retry: { attempts: 1 } });
    try {
      // One page is enough to know that the bucket is there and lets us in; nothing is written.
      for await (const _ of store.list({ signal })) break;
      return store.label;
    } finally {
      await store.close();
    }
  });
}

/**
 * Asks everything that the jobs need: sources are reached and not read, stores are listed and not written to. A store
 * that several jobs use is asked once. Takes a bounded time; rejects only when the signal aborts.
 */
export async function checkHealth(jobs: readonly Job[], options: HealthOptions): Promise<readonly HealthAnswer[]> {
  const stores = new Map(jobs.flatMap(({ vaults }) => vaults).map((use) => [JSON.stringify(use.store), use]));
  return Promise.all([
    ...jobs.flatMap((job) => job.sources.map((spec) => checkSource(job, spec, options))),
    ...[...stores.values()].map((use) => checkStore(use, options)),
  ]);
}
