import type { Job } from '../config/index.ts';
import { knownSource } from '../source/index.ts';
import { plannedKey } from '../vault/index.ts';

/**
 * The key of what a run will leave in the first vault: "backup_20240207_143001.sql.gz". Undefined where it will be
 * several artefacts or none, or where the name is known only when the source has been opened.
 */
export async function plannedName(
  job: Job,
  run: { readonly runId: string; readonly startedAt: Date; readonly host: string },
): Promise<string | undefined> {
  const [spec, ...others] = job.sources;
  const [use] = job.vaults;
  const source = spec && others.length === 0 ? knownSource(spec) : undefined;
  if (!use || !source) return undefined;
  try {
    return await plannedKey(use.spec, { job: job.name, tags: job.tags, source, ...run }, source.fileName);
  } catch {
    return undefined; // the vault says what is wrong when the run comes to it
  }
}
