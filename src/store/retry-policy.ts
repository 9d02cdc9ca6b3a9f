import type { Clock } from '../base/clock.ts';
import { HoldfastError } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';

export interface RetryOptions {
  /** How often an operation is tried in all; 8 unless given. */
  readonly attempts?: number;
  /** Upper limit of the first pause, or the pause itself without jitter; each later one is twice as long. 200 unless given. */
  readonly baseDelayMs?: number;
  /** No pause is longer; 30 s unless given. */
  readonly maxDelayMs?: number;
  /** No try is started after this time; 15 minutes unless given. */
  readonly deadlineMs?: number;
  /** False makes each pause as long as its limit. */
  readonly jitter?: boolean;
}

export interface RetryContext {
  readonly clock: Clock;
  readonly logger: Logger;
  /** 0 up to, but not including, 1. */
  readonly random: () => number;
}

/** Says after a failure whether, and after which pause, to try again. */
export interface Retries {
  /** Waits and resolves when the operation may be tried again; rejects with what to tell the caller when not. */
  afterFailure(error: unknown): Promise<void>;
  /** The operation got further: what failed before counts no more. */
  progressed(): void;
  /** Failures so far. */
  readonly failures: number;
}

function givenUp(error: HoldfastError, attempts: number): HoldfastError {
  if (attempts === 1) return error;
  return new HoldfastError(error.code, {
    message: `${error.message} (tried ${attempts} times)`,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
    retryable: error.retryable,
    context: { ...error.context, attempts },
    cause: error,
  });
}

/**
 * Exponential back-off with full jitter (the pause is any time between none and the limit, so that many clients don't
 * come back at once), unless that is switched off. Only errors that the driver calls retryable are tried again.
 */
export class RetryPolicy {
  private readonly options: Required<RetryOptions>;
  private readonly context: RetryContext;

  constructor(options: RetryOptions, context: RetryContext) {
    this.options = {
      attempts: 8,
      baseDelayMs: 200,
      maxDelayMs: 30_000,
      deadlineMs: 15 * 60_000,
      jitter: true,
      ...options,
    };
    this.context = context;
  }

  /** `operation` names what is tried, for the log: "put data/ab". */
  start(operation: string, signal?: AbortSignal): Retries {
    const { attempts, baseDelayMs, maxDelayMs, deadlineMs, jitter } = this.options;
    const { clock, logger, random } = this.context;
    let failures = 0;
    let inARow = 0;
    let startedMs = clock.monotonicMs();
    return {
      get failures() {
        return failures;
      },
      progressed: () => {
        inARow = 0;
        startedMs = clock.monotonicMs();
      },
      afterFailure: async (error) => {
        signal?.throwIfAborted();
        failures += 1;
        inARow += 1;
        if (!(error instanceof HoldfastError) || !error.retryable) throw error;
        const delayMs = Math.round((jitter ? random() : 1) * Math.min(maxDelayMs, baseDelayMs * 2 ** (inARow - 1)));
        const elapsedMs = clock.monotonicMs() - startedMs;
        if (inARow >= attempts || elapsedMs + delayMs > deadlineMs) throw givenUp(error, inARow);
        logger.warn(`${operation} failed and is tried again`, { reason: error.message, code: error.code, delayMs });
        await clock.sleep(delayMs, signal);
      },
    };
  }

  /** Calls `work` until it succeeds or must not be tried again. */
  async run<Result>(operation: string, work: () => Promise<Result>, signal?: AbortSignal): Promise<Result> {
    const retries = this.start(operation, signal);
    for (;;) {
      try {
        return await work();
      } catch (error) {
        await retries.afterFailure(error);
      }
    }
  }
}
