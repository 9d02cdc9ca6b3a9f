import { resolve } from 'node:path';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { CommandSourceSpec } from './command/command-source-spec.ts';
import type { DirectorySourceSpec } from './directory/open-directory-source.ts';
import type { PostgresSourceSpec } from './postgres/open-postgres-sources.ts';
import { type Branch, isAbsence, joinTrees } from './join-trees.ts';
import type { Source } from './source.ts';

/** Several folders as one source: one restore point holds them all, each under its absolute path. */
export interface DirectoriesSourceSpec {
  readonly type: 'directories';
  readonly name?: string;
  readonly directories: readonly DirectorySourceSpec[];
}

/** What a job says of one source. A PostgreSQL server may give several sources, one per database. */
export type SourceSpec = DirectorySourceSpec | DirectoriesSourceSpec | PostgresSourceSpec | CommandSourceSpec;

export interface OpenSourcesOptions {
  readonly signal: AbortSignal;
  readonly logger: Logger;
  readonly clock: Clock;
}

async function openBranch(spec: DirectorySourceSpec, options: OpenSourcesOptions): Promise<Branch> {
  const folder = resolve(spec.path).slice(1);
  try {
    const [source] = await openDriver(spec, options);
    return { folder, source: source as Source };
  } catch (error) {
    if (isAbsence(error)) return { folder, source: error };
    throw error;
  }
}

/** Drivers are loaded when they are needed: a backup of a directory does without the PostgreSQL client. */
async function openDriver(spec: SourceSpec, options: OpenSourcesOptions): Promise<readonly Source[]> {
  if (spec.type === 'directory') {
    const { openDirectorySource } = await import('./directory/open-directory-source.ts');
    return [await openDirectorySource(spec, options)];
  }
  if (spec.type === 'directories') {
    const branches = await Promise.all(spec.directories.map((directory) => openBranch(directory, options)));
    return [joinTrees(spec.name ?? 'files', branches)];
  }
  if (spec.type === 'postgres') {
    const { openPostgresSources } = await import('./postgres/open-postgres-sources.ts');
    return await openPostgresSources(spec, options);
  }
  const { openCommandSource } = await import('./command/open-command-source.ts');
  return [await openCommandSource(spec, options)];
}

/**
 * Gives each source a name of its own: the second "globals" (the roles of a server that also has a database of that
 * name) becomes "globals-2". The order decides, and every driver keeps its order from run to run.
 */
export function withUniqueNames(sources: readonly Source[]): Source[] {
  const given = new Set(sources.map(({ name }) => name));
  const used = new Set<string>();
  return sources.map((source) => {
    let { name } = source;
    for (let number = 2; used.has(name) || (name !== source.name && given.has(name)); number += 1)
      name = `${source.name}-${number}`;
    used.add(name);
    return name === source.name ? source : { ...source, name };
  });
}

/**
 * Opens what a specification names, as one or more sources with different names. Nothing is read yet, but what can be
 * told beforehand is checked. Throws a HoldfastError of the family "source", or the signal's reason.
 */
export async function openSources(spec: SourceSpec, options: OpenSourcesOptions): Promise<Source[]> {
  options.signal.throwIfAborted();
  return withUniqueNames(await openDriver(spec, options));
}
