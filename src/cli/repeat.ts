import type { Job } from '../config/index.ts';
import { createRunLog, runDaemon, type JobListener } from '../jobs/index.ts';
import type { CliContext } from './context.ts';

/** Writes a job's log in the form that its configuration asks for; without one, `otherwise` tells the user. */
export function listenerOf(job: Job, context: CliContext, otherwise: () => JobListener): JobListener {
  const { clock, logger, streams } = context;
  const debug = job.log?.level === 'debug';
  const write = (line: string): void => void streams.stdout.write(`${line}\n`);
  const log = job.log ? createRunLog(job.log, { clock, logger, write, debug }) : undefined;
  const teller = job.log?.style === undefined ? otherwise() : undefined;
  return (event) => {
    log?.(event);
    teller?.(event);
  };
}

/**
 * Runs jobs by their schedules. The first signal lets the run under way come to its end, the second one aborts it; the
 * log goes to stdout, as text where a job asks for no other form.
 */
export async function repeat(jobs: readonly Job[], context: CliContext): Promise<void> {
  const { clock, logger, host, cacheDir } = context;
  const logged = jobs.map((job): Job => ({ ...job, log: { style: 'text', ...job.log } }));
  const listeners = new Map(logged.map((job) => [job.name, listenerOf(job, context, () => () => {})]));
  await runDaemon(logged, {
    clock,
    logger,
    host,
    cacheDir,
    stop: context.signal,
    signal: context.waitForSecondSignal(),
    onEvent: (event) => listeners.get(event.job.name)?.(event),
  });
}
