import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { messageOf } from '../../base/errors.ts';
import { registerSecret } from '../../base/secrets.ts';
import type { Environment } from '../../config/index.ts';
import { vaultError } from '../../vault/index.ts';
import type { CliContext } from '../context.ts';
import { cliError } from '../errors.ts';
import { splitShellWords } from './split-shell-words.ts';

/** Where a repository's password is said on the command line. */
export interface PasswordOptions {
  readonly passwordFile?: string | undefined;
  readonly passwordCommand?: string | undefined;
}

/** Where it is said, and how messages call it. */
interface Places extends PasswordOptions {
  readonly password?: string | undefined;
  readonly fileFrom: string;
  readonly commandFrom: string;
}

function ambiguous(one: string, other: string): Error {
  return cliError('usage', {
    message: `${one} and ${other} exclude each other`,
    hint: 'Say the password of the repository in one way',
  });
}

const set = (value: string | undefined): string | undefined => (value === '' ? undefined : value);

/** The variables with one beginning: "HOLDFAST_PASSWORD", "RESTIC_FROM_PASSWORD". */
const inVariables = (name: string, environment: Environment): Places => ({
  password: set(environment[name]),
  passwordFile: set(environment[`${name}_FILE`]),
  passwordCommand: set(environment[`${name}_COMMAND`]),
  fileFrom: `${name}_FILE`,
  commandFrom: `${name}_COMMAND`,
});

async function fromFile(file: string, from: string): Promise<string> {
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch (error) {
    const message = `${from}: ${file} can't be read: ${messageOf(error)}`;
    throw cliError('usage', { message, hint: 'Name a file that holds the password alone', cause: error });
  }
}

async function fromCommand(command: string, from: string, environment: Environment): Promise<string> {
  const [program, ...args] = splitShellWords(command);
  try {
    const { stdout } = await promisify(execFile)(program ?? '', args, { env: environment });
    return stdout.trim();
  } catch (error) {
    const { stderr = '' } = error as { stderr?: string };
    throw cliError('usage', {
      message: `${from}: "${program ?? ''}" gave no password${stderr.trim() === '' ? '' : `: ${stderr.trim()}`}`,
      hint: 'It must print the password and end with status 0',
    });
  }
}

/** What one kind of place says; undefined when it says nothing. A file or a command goes before the password itself. */
async function fromPlaces(places: Places, environment: Environment): Promise<string | undefined> {
  const { passwordFile, passwordCommand, fileFrom, commandFrom } = places;
  if (passwordFile !== undefined && passwordCommand !== undefined) throw ambiguous(fileFrom, commandFrom);
  if (passwordFile !== undefined) return fromFile(passwordFile, fileFrom);
  if (passwordCommand !== undefined) return fromCommand(passwordCommand, commandFrom, environment);
  return places.password;
}

/** One line of standard input: typed unseen on a terminal. */
async function ask(question: string, { stdin, streams }: CliContext): Promise<string> {
  const onTerminal = stdin.isTTY;
  if (onTerminal) streams.stderr.write(question);
  // Without an output nothing of what is typed is echoed.
  const lines = createInterface({ input: stdin, terminal: onTerminal });
  lines.once('SIGINT', () => lines.close());
  try {
    for await (const line of lines) return line;
    return '';
  } finally {
    lines.close();
    if (onTerminal) streams.stderr.write('\n');
  }
}

async function typed(what: string, twice: boolean, context: CliContext): Promise<string> {
  const password = registerSecret(await ask(`enter ${what}: `, context));
  if (password === '')
    throw vaultError('key-needed', {
      message: `no ${what} was given`,
      hint: 'Give it by --password-file, --password-command, HOLDFAST_PASSWORD or RESTIC_PASSWORD',
    });
  if (twice && context.stdin.isTTY && (await ask(`enter ${what} again: `, context)) !== password)
    throw cliError('usage', { message: 'the two passwords differ', hint: 'Type the same one twice' });
  return password;
}

export interface WantedPassword {
  /** Of which repository, or which password of it, options and variables speak. */
  readonly whose?: '' | 'FROM_' | 'NEW_';
  /** True asks twice: nobody can open what a slip has closed. */
  readonly isNew?: boolean;
  readonly stdinTaken?: boolean;
}

/**
 * The password of a repository: from the options, from HOLDFAST_PASSWORD, …_FILE and …_COMMAND, from restic's variables,
 * or typed. Throws cli/usage when a place can't be read, vault/key-needed when there is none.
 */
export async function askRepositoryPassword(
  options: PasswordOptions,
  context: CliContext,
  { whose = '', isNew = false, stdinTaken = false }: WantedPassword = {},
): Promise<string> {
  const { environment } = context;
  const flag = `--${whose.toLowerCase().replace('_', '-')}`;
  const said: Places = { ...options, fileFrom: `${flag}password-file`, commandFrom: `${flag}password-command` };
  const variables = ['HOLDFAST', 'RESTIC'].map((owner) => inVariables(`${owner}_${whose}PASSWORD`, environment));
  for (const places of [said, ...variables]) {
    const password = await fromPlaces(places, environment);
    if (password !== undefined && password !== '') return registerSecret(password);
  }
  const what = `${isNew ? 'new ' : ''}password for ${whose === 'FROM_' ? 'source repository' : 'repository'}`;
  if (stdinTaken)
    throw vaultError('key-needed', {
      message: `no ${what} was given, and standard input is what is backed up`,
      hint: 'Give it by --password-file, --password-command, HOLDFAST_PASSWORD or RESTIC_PASSWORD',
    });
  return typed(what, isNew, context);
}
