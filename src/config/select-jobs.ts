import { configError } from './errors.ts';
import type { Job } from './job.ts';
import type { Configuration } from './native/configuration.ts';

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
