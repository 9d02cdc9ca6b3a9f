import type { Command } from 'commander';
import { chosenSnapshots } from '../chosen-snapshots.ts';
import type { CommandWork } from '../command-work.ts';
import type { CliContext } from '../context.ts';
import { cliError } from '../errors.ts';
import { exitStatus } from '../exit-status.ts';
import { addFilterOptions, type FilterOptions } from '../snapshot-filter.ts';
import { visible } from '../table.ts';
import { collect } from '../vault-options.ts';
import { addVaultOption, type OpenedRepository, type RepositoryOptions, withRepository } from '../with-repository.ts';

export interface FindOptions extends RepositoryOptions, FilterOptions {
  readonly ignoreCase?: boolean;
  readonly snapshot?: readonly string[];
  readonly blob?: boolean;
  readonly tree?: boolean;
  readonly pack?: boolean;
}

type Snapshots = Awaited<ReturnType<typeof chosenSnapshots>>;

async function findIds(
  { repository, library }: OpenedRepository,
  { snapshots, ids, kind }: { snapshots: Snapshots; ids: readonly string[]; kind: 'blob' | 'tree' | 'pack' },
  { output, signal }: CliContext,
): Promise<number> {
  let count = 0;
  for await (const { snapshot, type, id, path } of library.findIdsInSnapshots(
    repository,
    snapshots,
    { kind, ids },
    signal,
  )) {
    count += 1;
    output.document({ snapshot: snapshot.id, type, id, path });
    output.line(`${snapshot.id.slice(0, 8)}  ${type} ${id}  ${visible(path)}`);
  }
  return count;
}

async function findPaths(
  { repository, library }: OpenedRepository,
  { snapshots, patterns, ignoreCase }: { snapshots: Snapshots; patterns: readonly string[]; ignoreCase: boolean },
  { output, signal }: CliContext,
): Promise<number> {
  let count = 0;
  for await (const { snapshot, path, node } of library.findInSnapshots(repository, snapshots, patterns, {
    ignoreCase,
    signal,
  })) {
    count += 1;
    output.document({ snapshot: snapshot.id, path, type: node.type });
    output.line(`${snapshot.id.slice(0, 8)}  ${visible(path)}`);
  }
  return count;
}

/** Finds files in the snapshots of a repository, or what needs a blob, a tree or a pack. Ends with 1 when nothing is found. */
async function find(words: readonly string[], options: FindOptions, context: CliContext): Promise<void> {
  const kinds = (['blob', 'tree', 'pack'] as const).filter((kind) => options[kind]);
  if (kinds.length > 1) throw cliError('usage', { message: '--blob, --tree and --pack exclude each other' });
  await withRepository(options, context, async (opened) => {
    const snapshots = await chosenSnapshots(opened, options.snapshot ?? [], { options, context });
    const [kind] = kinds;
    const ignoreCase = options.ignoreCase ?? false;
    const count = kind
      ? await findIds(opened, { snapshots, ids: words, kind }, context)
      : await findPaths(opened, { snapshots, patterns: words, ignoreCase }, context);
    if (count > 0) return;
    context.output.note('nothing found');
    context.setExitStatus(exitStatus.fatal);
  });
}

const defineFind = (command: Command): Command =>
  addFilterOptions(addVaultOption(command))
    .argument('<pattern...>', 'names or paths, with * ? [ ]; or ids')
    .option('-i, --ignore-case', 'whatever the case of letters')
    .option('-s, --snapshot <id>', 'only in this snapshot; repeat for several', collect)
    .option('--blob', 'the words are ids of blobs')
    .option('--tree', 'the words are ids of trees')
    .option('--pack', 'the words are ids of packs');

export const findCommand: CommandWork = { define: defineFind, run: find };
