import { appendFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../../base/clock.ts';
import { messageOf } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import { scrub, scrubbedText } from '../../base/secrets.ts';
import type { Job, RunLogSpec } from '../../config/index.ts';
import type { JobEvent, JobListener } from '../run-event.ts';
import { eventLines, type RunCounts } from './event-lines.ts';
import { shortTime, textLines } from './text-lines.ts';

export interface RunLogOptions {
  readonly clock: Clock;
  /** Told when a run's file can't be written. */
  readonly logger: Logger;
  /** Takes one finished line without its newline. */
  readonly write: (line: string) => void;
  /** True where several jobs write there: each line of text begins with its job's name. Files of runs are of one job. */
  readonly isShared?: boolean;
}

/** A character that ends a line, or moves the cursor, would let a file's name forge one. */
function oneLine(text: string): string {
  return text.replaceAll(/\s*\n\s*/g, ' | ').replaceAll(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, (character) => {
    const code = character.charCodeAt(0);
    return `\\u${code.toString(16).padStart(4, '0')}`;
  });
}

const severities = { debug: 0, info: 1, success: 1, warn: 2, warning: 2, error: 3 } as const;

/** What one log writes: its options, and the least severity of its lines. */
interface Writing extends RunLogOptions {
  readonly least: number;
}

function linesOfText(event: JobEvent, { clock, least, isShared = false }: Writing): string[] {
  const whose = isShared ? `${event.job.name}: ` : '';
  return textLines(event)
    .filter(([level]) => severities[level.toLowerCase() as Lowercase<typeof level>] >= least)
    .map(([level, message]) => `${shortTime(clock.now())} ${level} ${oneLine(scrub(whose + message))}`);
}

function linesOfEvents(event: JobEvent, counts: RunCounts, { clock, least }: Writing): string[] {
  return eventLines(event, counts)
    .filter(({ level }) => severities[level] >= least)
    .map(({ event: name, level, ...fields }) => {
      const own = { event: name, level, timestamp: clock.now().toISOString() };
      const head = { ...own, job: event.job.name };
      return JSON.stringify({ ...head, ...fields, ...head }, (key, value: unknown) =>
        // Alarms wait for these words, whatever somebody's password is.
        Object.hasOwn(own, key) ? value : scrubbedText(key, value),
      );
    });
}

/** "backup_20240207_143001.log", by the clocks that the job's schedule goes by: its artefacts are named by them too. */
function fileNameOf({ schedule }: Job, startedAt: Date): string {
  const timezone = (schedule && 'cron' in schedule ? schedule.timezone : undefined) ?? 'UTC';
  const local = Temporal.Instant.fromEpochMilliseconds(startedAt.getTime()).toZonedDateTimeISO(timezone);
  const [date, time] = local.toPlainDateTime().toString({ smallestUnit: 'second' }).replaceAll(/[-:]/g, '').split('T');
  return `backup_${date}_${time}.log`;
}

/** Writes the lines of each run into a file of its own, from the run's start on. */
function runFile(runDir: string, options: Writing): JobListener {
  let path: string | undefined;
  return (event) => {
    try {
      if (event.type === 'run-started') {
        mkdirSync(runDir, { recursive: true });
        path = join(runDir, fileNameOf(event.job, event.startedAt));
      }
      const lines = path === undefined ? [] : linesOfText(event, options);
      if (path !== undefined && lines.length > 0) appendFileSync(path, lines.map((line) => `${line}\n`).join(''));
    } catch (error) {
      path = undefined;
      options.logger.warn(`The log of this run can't be written in ${runDir}: ${messageOf(error)}`);
    }
  };
}

/**
 * A listener that writes what happens in the form that a job asks for: its events as JSON lines, or lines of text, to
 * `write`, and a file per run where it names a folder. Without a form nothing goes to `write`.
 */
export function createRunLog(spec: RunLogSpec, options: RunLogOptions): JobListener {
  const counts: RunCounts = { uploaded: 0, uploadedBytes: 0, failed: 0 };
  const writing: Writing = { ...options, least: severities[spec.level ?? 'info'] };
  const file = spec.runDir === undefined ? undefined : runFile(spec.runDir, { ...writing, isShared: false });
  return (event) => {
    if (spec.style === 'events') for (const line of linesOfEvents(event, counts, writing)) options.write(line);
    if (spec.style === 'text') for (const line of linesOfText(event, writing)) options.write(line);
    file?.(event);
  };
}
