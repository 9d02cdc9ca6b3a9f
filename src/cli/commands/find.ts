import type { Command } from 'commander';
import { chosenSnapshots } from '../vaults/chosen-snapshots.ts';
import type { CommandWork } from '../command-work.ts';
import type { CliContext } from '../context.ts';
import { entryFacts, entryLine } from '../views/entry-view.ts';
import { cliError } from '../errors.ts';
import { exitStatus } from '../exit-status.ts';
import { parseMomentOption } from '../arguments/parse-moment.ts';
import { addFilterOptions, type FilterOptions } from '../arguments/snapshot-filter.ts';
import { visible } from '../views/table.ts';
import { collect } from '../arguments/vault-options.ts';
import {
  addVaultOption,
  type OpenedRepository,
  type RepositoryOptions,
  withRepository,
} from '../vaults/with-repository.ts';

export interface FindOptions extends RepositoryOptions, FilterOptions {
  readonly ignoreCase?: boolean;
  readonly oldest?: bigint;
  readonly newest?: bigint;
  readonly long?: boolean;
  readonly showPackId?: boolean;
  readonly snapshot?: readonly string[];
  readonly blob?: boolean;
  readonly tree?: boolean;
  readonly pack?: boolean;
}

const idKinds = ['blob', 'tree', 'pack'] as const;
type IdKind = (typeof idKinds)[number];

type Snapshots = Awaited<ReturnType<typeof chosenSnapshots>>;

/** What is looked for, and where. */
interface Search {
  readonly words: readonly string[];
  readonly snapshots: Snapshots;
  readonly options: FindOptions;
}

async function findIds(
  { repository, library }: OpenedRepository,
  { words: ids, snapshots, options, kind }: Search & { readonly kind: IdKind },
  { output, signal }: CliContext,
): Promise<number> {
  let count = 0;
  const wanted = { kind, ids };
  for await (const found of library.findIdsInSnapshots(repository, snapshots, wanted, signal)) {
    const { snapshot, type, id, path, packId } = found;
    count += 1;
    output.document({ snapshot: snapshot.id, type, id, path, ...(options.showPackId && { pack: packId ?? null }) });
    const pack = options.showPackId ? `  pack ${packId ?? 'unknown'}` : '';
    output.line(`${snapshot.id.slice(0, 8)}  ${type} ${id}${pack}  ${visible(path)}`);
  }
  return count;
}

async function findPaths(
  { repository, library }: OpenedRepository,
  { words, snapshots, options }: Search,
  { output, signal }: CliContext,
): Promise<number> {
  let count = 0;
  const { ignoreCase = false, oldest, newest, long } = options;
  const bounds = {
    ...(oldest !== undefined && { oldestNs: oldest }),
    ...(newest !== undefined && { newestNs: newest }),
  };
  const how = { ignoreCase, ...bounds, signal };
  for await (const { snapshot, path, node, entry } of library.findInSnapshots(repository, snapshots, words, how)) {
    count += 1;
    output.document({ snapshot: snapshot.id, path, type: node.type, ...(entry && entryFacts(entry)) });
    output.line(`${snapshot.id.slice(0, 8)}  ${long && entry ? entryLine(entry, path) : visible(path)}`);
  }
  return count;
}

/** The kind of ids that the words are; undefined where they are patterns. Throws cli/usage for what does not go together. */
function kindOf(options: FindOptions): IdKind | undefined {
  const kinds = idKinds.filter((kind) => options[kind]);
  if (kinds.length > 1) throw cliError('usage', { message: '--blob, --tree and --pack exclude each other' });
  const [kind] = kinds;
  if (kind !== undefined && (options.oldest ?? options.newest) !== undefined)
    throw cliError('usage', { message: `--oldest and --newest are for files, not for --${kind}` });
  if (kind === undefined && options.showPackId)
    throw cliError('usage', { message: '--show-pack-id is for --blob and --tree' });
  return kind;
}

/** Finds files in the snapshots of a repository, or what needs a blob, a tree or a pack. Ends with 1 when nothing is found. */
async function find(words: readonly string[], options: FindOptions, context: CliContext): Promise<void> {
  const kind = kindOf(options);
  await withRepository(options, context, async (opened) => {
    const snapshots = await chosenSnapshots(opened, options.snapshot ?? [], { options, context });
    const search = { words, snapshots, options };
    const count = kind ? await findIds(opened, { ...search, kind }, context) : await findPaths(opened, search, context);
    if (count > 0) return;
    context.output.note('nothing found');
    context.setExitStatus(exitStatus.fatal);
  });
}

const defineFind = (command: Command): Command =>
  addFilterOptions(addVaultOption(command))
    .argument('<pattern...>', 'names or paths, with * ? [ ]; or ids')
    .option('-i, --ignore-case', 'whatever the case of letters')
    .option(
      '-O, --oldest <time>',
      'only what was changed at this time or later: "2024-02-29 13:45:00"',
      parseMomentOption,
    )
    .option('-N, --newest <time>', 'only what was changed at this time or before', parseMomentOption)
    .option('-l, --long', 'with mode, owner, size and time')
    .option('-s, --snapshot <id>', 'only in this snapshot; repeat for several', collect)
    .option('--blob', 'the words are ids of blobs')
    .option('--tree', 'the words are ids of trees')
    .option('--pack', 'the words are ids of packs')
    .option('--show-pack-id', 'with the pack that the blob or the tree is in');

export const findCommand: CommandWork = { define: defineFind, run: find, shows: true };
