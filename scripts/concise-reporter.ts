/**
 * A reporter for `node --test`: one line for a file that passes; for one that fails, every failure whole and all that
 * the file printed; the runner's own summary last, where it can't be overlooked.
 */
import { relative, resolve } from 'node:path';
import { inspect } from 'node:util';
import type { EventData } from 'node:test';
import type { TestEvent } from 'node:test/reporters';

interface Failure {
  readonly title: string;
  readonly error: unknown;
}

/** What is known of a file so far. */
interface FileReport {
  readonly output: string[];
  readonly failures: Failure[];
  summary?: EventData.TestSummary;
  hasEnded: boolean;
}

const nameOf = (file: string): string => relative(process.cwd(), file);

const indent = (text: string): string => text.trimEnd().replaceAll(/^/gm, '    ');

function describeFailures(file: string, { failures, output }: FileReport): string {
  const parts = failures.map(({ title, error }) => `  ✖ ${title}\n${indent(inspect(error, { depth: 8 }))}\n`);
  const printed = output.join('');
  return `✖ ${nameOf(file)}\n${parts.join('')}${printed ? `  it printed:\n${indent(printed)}\n` : ''}`;
}

/** A suite fails because a test in it did: only the test's own failure says something. */
const isConsequence = (error: Error): boolean => (error as { failureType?: string }).failureType === 'subtestsFailed';

/** Gathers what is told of each file while it runs. */
class FileReports {
  private readonly reports = new Map<string, FileReport>();

  /** Some events name the file by its whole path, some as it was given. */
  of(file: string): FileReport {
    const path = resolve(file);
    const report = this.reports.get(path) ?? { output: [], failures: [], hasEnded: false };
    this.reports.set(path, report);
    return report;
  }

  addFailure({ name, line, file, details: { error } }: EventData.TestFail): void {
    if (isConsequence(error)) return;
    const title = line === undefined ? name : `${name} (line ${line})`;
    this.of(file ?? name).failures.push({ title, error: error.cause instanceof Error ? error.cause : error });
  }

  /** The summary and the end of a file come in any order; what the file prints at its end comes between them. */
  addSummary(file: string, summary: EventData.TestSummary): string {
    this.of(file).summary = summary;
    return this.of(file).hasEnded ? this.finish(file) : '';
  }

  end(file: string): string {
    this.of(file).hasEnded = true;
    return this.of(file).summary ? this.finish(file) : '';
  }

  /** What is to be shown of a file that has ended; it is forgotten then. */
  finish(file: string): string {
    const report = this.of(file);
    this.reports.delete(resolve(file));
    const { failures, summary } = report;
    if (failures.length > 0 || !summary?.success) return describeFailures(file, report);
    return `✔ ${nameOf(file)}: ${summary.counts.passed} tests, ${(summary.duration_ms / 1000).toFixed(1)} s\n`;
  }

  finishAll(): string[] {
    return [...this.reports.keys()].map((file) => this.finish(file));
  }
}

/** The runner's word that a file's process has ended: it treats the file as a test of that name. */
const isEndOfFile = ({ name, file }: EventData.TestComplete): boolean =>
  file !== undefined && resolve(name) === resolve(file);

export default async function* conciseReporter(events: AsyncIterable<TestEvent>): AsyncGenerator<string, void> {
  const reports = new FileReports();
  const summary: string[] = [];
  for await (const { type, data } of events) {
    if (type === 'test:stdout' || type === 'test:stderr') reports.of(data.file).output.push(data.message);
    else if (type === 'test:fail') reports.addFailure(data);
    else if (type === 'test:summary' && data.file !== undefined) yield reports.addSummary(data.file, data);
    else if (type === 'test:complete' && isEndOfFile(data)) yield reports.end(data.name);
    else if (type === 'test:diagnostic' && data.nesting === 0 && /^[a-z_]+ [\d.]+$/.test(data.message))
      summary.push(`ℹ ${data.message}\n`);
  }
  yield* reports.finishAll();
  yield* summary.slice(-8);
}
