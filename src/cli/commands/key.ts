import type { Command } from 'commander';
import { findKeyId } from '../vaults/find-key-id.ts';
import type { CommandWork } from '../command-work.ts';
import type { CliContext } from '../context.ts';
import { askRepositoryPassword } from '../arguments/repository-password.ts';
import { formatTable } from '../views/table.ts';
import { addVaultOption, ownerOf, type RepositoryOptions, withRepository } from '../vaults/with-repository.ts';

export interface NewKeyOptions extends RepositoryOptions {
  readonly newPasswordFile?: string;
  readonly newPasswordCommand?: string;
  readonly user?: string;
  readonly host?: string;
}

/** Prints the keys of a repository: who made them, where, when; and which of them has opened it. */
async function listKeys(options: RepositoryOptions, context: CliContext): Promise<void> {
  const { output, signal } = context;
  await withRepository(options, context, async ({ repository, library }) => {
    const keys = await library.listKeys(repository, signal);
    output.document({ keys });
    const rows = formatTable<(typeof keys)[number]>(
      [
        { title: 'ID', cell: ({ id, current }) => `${current ? '*' : ' '}${id.slice(0, 8)}` },
        { title: 'USER', cell: ({ username }) => username },
        { title: 'HOST', cell: ({ hostname }) => hostname },
        { title: 'CREATED', cell: ({ created, damage }) => (damage === undefined ? created : `damaged: ${damage}`) },
      ],
      keys,
    );
    for (const row of rows) output.line(row);
  });
}

function newPassword(options: NewKeyOptions, context: CliContext): Promise<string> {
  const { newPasswordFile: passwordFile, newPasswordCommand: passwordCommand } = options;
  return askRepositoryPassword({ passwordFile, passwordCommand }, context, { whose: 'NEW_', isNew: true });
}

/** Whom the new key names. */
function keyOwner(options: NewKeyOptions, context: CliContext): ReturnType<typeof ownerOf> {
  const { host, user } = ownerOf(context);
  return { host: options.host ?? host, user: options.user ?? user };
}

/** Adds a key: another password that opens the repository. */
async function addKey(options: NewKeyOptions, context: CliContext): Promise<void> {
  const { output, signal } = context;
  await withRepository(options, context, async ({ repository, library }) => {
    const password = await newPassword(options, context);
    const id = await library.addKey(repository, { password, signal, ...keyOwner(options, context) });
    output.document({ type: 'key-added', id });
    output.done(`saved new key ${id.slice(0, 8)}`);
  });
}

/** Removes a key: its password opens the repository no more. */
async function removeKey(id: string, options: RepositoryOptions, context: CliContext): Promise<void> {
  const { output, signal } = context;
  await withRepository(options, context, async ({ repository, library }) => {
    const key = findKeyId(await library.listKeys(repository, signal), id);
    await library.removeKey(repository, key, signal);
    output.document({ type: 'key-removed', id: key });
    output.done(`removed key ${key.slice(0, 8)}`);
  });
}

/** Puts a key with another password in the place of the one that has opened the repository. */
async function changeKey(options: NewKeyOptions, context: CliContext): Promise<void> {
  const { output, signal } = context;
  await withRepository(options, context, async ({ repository, library }) => {
    const password = await newPassword(options, context);
    const id = await library.changePassword(repository, { password, signal, ...keyOwner(options, context) });
    output.document({ type: 'password-changed', id });
    output.done(`saved new key ${id.slice(0, 8)}`);
  });
}

const addNewPassword = (command: Command): Command =>
  addVaultOption(command)
    .option('--new-password-file <file>', 'file that holds the new password')
    .option('--new-password-command <command>', 'command that prints it')
    .option('--user <name>', 'the user that the key names')
    .option('--host <name>', 'the host that it names');

const defineKeyRemove = (command: Command): Command =>
  addVaultOption(command).argument('<id>', 'the key, as "key list" shows it');

export const listKeysCommand: CommandWork = { define: addVaultOption, run: listKeys };
export const addKeyCommand: CommandWork = { define: addNewPassword, run: addKey };
export const removeKeyCommand: CommandWork = { define: defineKeyRemove, run: removeKey };
export const changeKeyCommand: CommandWork = { define: addNewPassword, run: changeKey };
