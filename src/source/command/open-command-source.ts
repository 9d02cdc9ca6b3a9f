import { stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import { registerSecret } from '../../base/secrets.ts';
import { sourceError } from '../errors.ts';
import type { ReadOptions, Source, SourceEntry, SourceReading } from '../source.ts';
import type { CommandSourceSpec } from './command-source-spec.ts';
import { findProgram } from './find-program.ts';
import { type ProgramOutputOptions, programOutput } from './program-output.ts';
import { shellLine } from './shell-line.ts';

export interface OpenCommandSourceOptions {
  readonly signal: AbortSignal;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** What is fixed about a command when it is opened. */
interface Command extends Omit<ProgramOutputOptions, 'signal' | 'logger'> {
  readonly fileName: string;
}

const secretVariable = /PASS|SECRET|TOKEN|CREDENTIAL|_KEY$|_PWD$/i;

/** Arguments and shell lines may hold secrets, so that a command is called by its first word, if that is a program. */
function labelOf(command: CommandSourceSpec['command']): string {
  const word = typeof command === 'string' ? (/^\s*([\w./+-]+)(?=[\s;|&]|$)/.exec(command)?.[1] ?? 'sh') : command[0];
  return word ?? '';
}

function fileNameOf(spec: CommandSourceSpec, name: string): string {
  const fileName = spec.fileName ?? `${name.replaceAll('/', '_')}.out`;
  if (!/^(?!\.\.?$)[^/\0]{1,255}$/.test(fileName))
    throw sourceError('bad-command', {
      message: `The command "${name}" has the file name "${fileName}", which can't be a file's name.`,
      hint: 'Set fileName to a name without "/".',
    });
  return fileName;
}

async function directoryOf({ workingDirectory }: CommandSourceSpec): Promise<string> {
  const directory = resolve(workingDirectory ?? '.');
  const found = await stat(directory).catch(() => undefined);
  if (found?.isDirectory()) return directory;
  throw sourceError('not-found', {
    message: `The working directory ${directory} of a command ${found ? 'is not a directory' : 'does not exist'}.`,
    hint: 'Correct "workingDirectory".',
    context: { path: directory },
  });
}

/** The argv to run; it is known to exist. */
async function argvOf(
  { command }: CommandSourceSpec,
  place: Pick<Command, 'environment' | 'workingDirectory'>,
  options: OpenCommandSourceOptions,
): Promise<readonly string[]> {
  if (typeof command === 'string' && command.trim() !== '') return await shellLine(command, options);
  const [program, ...args] = command;
  if (typeof command === 'string' || program === undefined || program === '')
    throw sourceError('bad-command', {
      message: 'A command source names no program.',
      hint: 'Set "command" to the program and its arguments.',
    });
  return [await findProgram(program, place), ...args];
}

/** One reading: one entry, whose content is the program's output. */
async function* entriesOf(
  { fileName, ...command }: Command,
  { signal: readSignal, logger }: ReadOptions,
): AsyncGenerator<SourceEntry, void, undefined> {
  readSignal.throwIfAborted();
  let state: 'unread' | 'reading' | 'done' = 'unread';
  async function* content(openSignal: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
    state = 'reading';
    yield* programOutput({ ...command, logger, signal: AbortSignal.any([readSignal, openSignal]) });
    state = 'done';
  }
  yield {
    path: Buffer.from(fileName),
    type: 'file',
    mode: 0o600,
    uid: process.getuid?.() ?? 0,
    gid: process.getgid?.() ?? 0,
    mtimeNs: BigInt(command.clock.now().getTime()) * 1_000_000n,
    open: content,
  };
  if ((state as string) === 'reading')
    throw sourceError('command-failed', {
      message: `The output of the program "${command.label}" was not read to its end.`,
      hint: 'See the error before this one.',
    });
}

/**
 * Opens a program's stdout as a source of shape 'file' with one entry of unknown size. Nothing is run yet, but what can
 * be told beforehand is: source/tool-missing when there is no such program, source/not-found when there is no such
 * working directory, source/bad-command for a specification that makes no sense. Each reading that opens the entry's
 * content runs the program once; see programOutput for how it ends.
 */
export async function openCommandSource(spec: CommandSourceSpec, options: OpenCommandSourceOptions): Promise<Source> {
  for (const [variable, value] of Object.entries(spec.environment ?? {}))
    if (secretVariable.test(variable)) registerSecret(value);
  const { folder } = spec;
  const label = labelOf(spec.command);
  const name = spec.name ?? basename(label);
  const place = { environment: { ...process.env, ...spec.environment }, workingDirectory: await directoryOf(spec) };
  const command: Command = {
    ...place,
    label,
    argv: await argvOf(spec, place, options),
    fileName: fileNameOf(spec, name),
    timeoutMs: spec.timeoutMs,
    allowEmpty: spec.allowEmpty ?? false,
    input: spec.input,
    clock: options.clock,
  };
  return {
    type: 'command',
    name,
    shape: 'file',
    paths: [spec.input === undefined ? label : join('/', folder ?? '', command.fileName)],
    ...(folder !== undefined && { root: { path: Buffer.from(folder) } }),
    read: (reading): SourceReading => ({ entries: entriesOf(command, reading), details: () => ({}) }),
  };
}
