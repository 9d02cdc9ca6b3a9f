import type { Command } from 'commander';
import type { CommandWork } from '../command-work.ts';
import type { CliContext } from '../context.ts';
import { cliError } from '../errors.ts';
import { chosenSnapshots } from '../vaults/chosen-snapshots.ts';
import {
  addVaultOption,
  type OpenedRepository,
  type RepositoryOptions,
  withRepository,
} from '../vaults/with-repository.ts';

const isId = (text: string): boolean => /^[0-9a-f]{64}$/.test(text);

function checkId(id: string): void {
  if (!isId(id)) throw cliError('usage', { message: `"${id}" is no whole id`, hint: 'Give all 64 digits' });
}

async function blob({ repository }: OpenedRepository, id: string, context: CliContext): Promise<Buffer> {
  checkId(id);
  const { signal } = context;
  await repository.loadIndex(signal);
  const type = repository.index.has('data', Buffer.from(id, 'hex')) ? 'data' : 'tree';
  return repository.loadBlob(type, id, signal);
}

/** What has no seal around it. */
async function stored(
  { repository, library }: OpenedRepository,
  [type, id]: readonly ['pack' | 'key', string],
  signal: AbortSignal,
): Promise<Buffer> {
  checkId(id);
  return library.loadStored(repository, type === 'pack' ? 'data' : 'keys', id, signal);
}

/** The bytes of one thing in a repository. */
async function contentOf(
  opened: OpenedRepository,
  [type, id]: readonly [string, string],
  context: CliContext,
): Promise<Buffer> {
  const { repository, library } = opened;
  const { signal } = context;
  if (type === 'masterkey') return Buffer.from(library.masterKeyOf(repository));
  if (type === 'config') {
    const { version, id: own, chunkerPolynomial } = repository.config;
    const config = { version, id: own, chunker_polynomial: chunkerPolynomial.toString(16) };
    return Buffer.from(`${JSON.stringify(config, null, 2)}\n`);
  }
  if (id === '') throw cliError('usage', { message: `it is not said which ${type}`, hint: 'Give its id' });
  if (type === 'blob' || type === 'tree') return blob(opened, id, context);
  if (type === 'pack' || type === 'key') return stored(opened, [type, id], signal);
  if (type === 'index' || type === 'lock') return repository.loadFile(type === 'index' ? type : 'locks', id, signal);
  const [snapshot] = await chosenSnapshots(opened, [id], { options: {}, context });
  return repository.loadFile('snapshots', snapshot?.id ?? id, signal);
}

const types = ['config', 'snapshot', 'index', 'lock', 'blob', 'tree', 'pack', 'key', 'masterkey'];

/** Prints a file or a blob of a repository as it is inside its seal; a pack and a key as they are stored. */
async function cat(
  type: string,
  id: string | undefined,
  options: RepositoryOptions,
  context: CliContext,
): Promise<void> {
  if (!types.includes(type))
    throw cliError('usage', { message: `"${type}" can't be shown`, hint: `Accepted: ${types.join(', ')}` });
  await withRepository(options, context, async (opened) =>
    context.output.bytes(await contentOf(opened, [type, id ?? ''], context)),
  );
}

const defineCat = (command: Command): Command =>
  addVaultOption(command)
    .argument('<type>', types.join(', '))
    .argument('[id]', 'its id; the beginning of it is enough for a snapshot');

export const catCommand: CommandWork = { define: defineCat, run: cat, shows: true };
