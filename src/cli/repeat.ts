import type { Job } from '../config/index.ts';
import { createRunLog, runDaemon, type JobListener } from '../jobs/index.ts';
import type { CliContext } from './context.ts';

/**
 * Writes a job's log in the form that its configuration asks for, with --quiet its errors alone; without a form, or where
 * --json takes no lines of text, `otherwise` tells the user. `isShared`: other jobs have the same log.
 */
export function listenerOf(
  { log = {} }: Job,
  context: CliContext,
  otherwise: () => JobListener,
  isShared = false,
): JobListener {
  const { clock, logger, streams, output } = context;
  const { runDir, style: wanted, level = 'info' } = log;
  const style = output.json && wanted === 'text' ? undefined : wanted;
  const write = (line: string): void => void streams.stdout.write(`${line}\n`);
  const options = { clock, logger, write, isShared };
  const listeners = [
    style === undefined ? otherwise() : createRunLog({ style, level: output.quiet ? 'error' : level }, options),
    ...(runDir === undefined ? [] : [createRunLog({ runDir, level }, options)]),
  ];
  return (event) => {
    for (const tell of listeners) tell(event);
  };
}

/** The job with a log that can be followed: JSON lines with --json, else lines of text, where it asks for no form. */
function withLog(job: Job, json: boolean): Job {
  const { style = 'text', ...log } = job.log ?? {};
  return { ...job, log: { ...log, style: json && style === 'text' ? 'events' : style } };
}

/**
 * Runs jobs by their schedules. The first signal lets the run under way come to its end, the second one aborts it; the
 * log goes to stdout.
 */
export async function repeat(jobs: readonly Job[], context: CliContext): Promise<void> {
  const { clock, logger, host, cacheDir } = context;
  const logged = jobs.map((job) => withLog(job, context.output.json));
  const isShared = jobs.length > 1;
  const listeners = new Map(logged.map((job) => [job.name, listenerOf(job, context, () => () => {}, isShared)]));
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
