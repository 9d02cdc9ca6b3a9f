import { readFile } from 'node:fs/promises';
import { messageOf, systemCode } from '../base/errors.ts';
import { configError } from './errors.ts';
import type { Environment } from './expand-variables.ts';
import type { Configuration, Job } from './job.ts';
import { readNativeConfiguration } from './native-reader.ts';

/** Reads a configuration file. Throws config/not-found, config/unreadable or config/invalid. */
export async function readConfiguration(path: string, environment: Environment): Promise<Configuration> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (systemCode(error) === 'ENOENT')
      throw configError('not-found', {
        message: `there is no configuration file ${path}`,
        hint: 'Name one with --config, or back up without one: holdfast backup PATH --to DIR',
        cause: error,
      });
    throw configError('unreadable', { message: `${path} can't be read: ${messageOf(error)}`, cause: error });
  }
  return readNativeConfiguration(text, path, environment);
}

/** The jobs with these names, or all when none is named. Throws config/unknown-job. */
export function selectJobs(configuration: Configuration, names: readonly string[]): readonly Job[] {
  if (names.length === 0) return configuration.jobs;
  return names.map((name) => {
    const job = configuration.jobs.find((candidate) => candidate.name === name);
    if (job) return job;
    const known = configuration.jobs.map((candidate) => candidate.name).join(', ');
    throw configError('unknown-job', {
      message: `${configuration.origin} has no job named "${name}"`,
      hint: `Its jobs: ${known}`,
    });
  });
}
