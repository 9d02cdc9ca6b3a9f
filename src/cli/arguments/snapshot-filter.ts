import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { RestorePoint } from '../../vault/index.ts';
import { collect } from './vault-options.ts';

/** Options by which restic's users pick snapshots. */
export interface FilterOptions {
  readonly tag?: readonly string[];
  readonly host?: readonly string[];
  readonly path?: readonly string[];
}

/** `short` gives --host its letter, where no other option has it. */
export function addFilterOptions(command: Command, { short = true }: { readonly short?: boolean } = {}): Command {
  return command
    .optionsGroup('Which restore points:')
    .option('--tag <tag[,tag]>', 'only restore points with all of these tags; repeat for alternatives', collect)
    .option(`${short ? '-H, ' : ''}--host <name>`, 'only those of this host; repeat for alternatives', collect)
    .option('--path <path>', 'only those of this path; repeat to ask for several', collect)
    .optionsGroup('Options:');
}

/** True for a list of tags that holds all that one of the alternatives asks for; an empty one asks for no tag at all. */
const hasTags = (tags: readonly string[], wanted: string): boolean =>
  wanted === '' ? tags.length === 0 : wanted.split(',').every((tag) => tags.includes(tag));

/** Whether a restore point is one that the options mean: restic's rules. */
export function filterOf({ tag, host, path }: FilterOptions): (point: RestorePoint) => boolean {
  const paths = path?.map((one) => resolve(one));
  return ({ tags, host: made, source }) =>
    (tag === undefined || tag.some((wanted) => hasTags(tags, wanted))) &&
    (host === undefined || host.includes(made)) &&
    (paths === undefined || paths.every((one) => source.paths.includes(one)));
}
