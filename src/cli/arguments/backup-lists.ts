import { globSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { text as readAll } from 'node:stream/consumers';
import { messageOf } from '../../base/errors.ts';
import type { Environment } from '../../config/index.ts';
import { cacheMarker, type Marker } from '../../source/index.ts';
import type { CliContext } from '../context.ts';
import { cliError } from '../errors.ts';
import { insensitivePattern } from './restic-patterns.ts';

/** Options that say what of the paths is left out. */
export interface ExcludeOptions {
  readonly exclude?: readonly string[];
  readonly iexclude?: readonly string[];
  readonly excludeFile?: readonly string[];
  readonly iexcludeFile?: readonly string[];
  readonly excludeCaches?: boolean;
  readonly excludeIfPresent?: readonly string[];
}

/** Options that name paths in files. */
export interface FilesFromOptions {
  readonly filesFrom?: readonly string[];
  readonly filesFromVerbatim?: readonly string[];
  readonly filesFromRaw?: readonly string[];
}

async function textOf(file: string, option: string, { stdin }: CliContext): Promise<string> {
  try {
    return file === '-' ? await readAll(stdin) : await readFile(file, 'utf8');
  } catch (error) {
    const hint = 'Name a file that this user may read';
    throw cliError('usage', { message: `${option}: ${file} can't be read: ${messageOf(error)}`, hint, cause: error });
  }
}

const linesOf = (text: string): string[] => text.replace(/^\ufeff/, '').split(/\r?\n/);

/** The lines that say something: no comments, no blanks around them. */
const entriesOf = (text: string): string[] =>
  linesOf(text)
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));

/** "$HOME" and "${HOME}" are replaced, "$$" is a dollar sign, as restic does it in files of patterns. */
const expand = (text: string, environment: Environment): string =>
  text.replaceAll(
    /\$(?:(\$)|(\w+)|\{(\w+)\})/g,
    (_, dollar: string | undefined, bare: string | undefined, braced: string | undefined) =>
      dollar ?? environment[bare ?? braced ?? ''] ?? '',
  );

async function patternsIn(files: readonly string[], option: string, context: CliContext): Promise<string[]> {
  const texts = await Promise.all(files.map((file) => textOf(file, option, context)));
  return texts.flatMap(entriesOf).map((line) => expand(line, context.environment));
}

/** All patterns of the options. Throws cli/usage when a file of them can't be read. */
export async function excludePatterns(options: ExcludeOptions, context: CliContext): Promise<string[]> {
  const { exclude = [], iexclude = [], excludeFile = [], iexcludeFile = [] } = options;
  const sensitive = [...exclude, ...(await patternsIn(excludeFile, '--exclude-file', context))];
  const insensitive = [...iexclude, ...(await patternsIn(iexcludeFile, '--iexclude-file', context))];
  return [...sensitive, ...insensitive.map(insensitivePattern)];
}

/** The files whose presence empties a directory. */
export function markersOf({ excludeCaches, excludeIfPresent = [] }: ExcludeOptions): Marker[] {
  const named = excludeIfPresent.map((given): Marker => {
    const colon = given.indexOf(':');
    return colon < 0 ? { name: given } : { name: given.slice(0, colon), header: given.slice(colon + 1) };
  });
  return excludeCaches === true ? [cacheMarker, ...named] : named;
}

/** The paths that files name: by globs, one a line; by names, one a line; by names, each ended by a NUL. */
export async function pathsFromFiles(options: FilesFromOptions, context: CliContext): Promise<string[]> {
  const { filesFrom = [], filesFromVerbatim = [], filesFromRaw = [] } = options;
  const globs = (await Promise.all(filesFrom.map((file) => textOf(file, '--files-from', context)))).flatMap(entriesOf);
  const lines = await Promise.all(filesFromVerbatim.map((file) => textOf(file, '--files-from-verbatim', context)));
  const raw = await Promise.all(filesFromRaw.map((file) => textOf(file, '--files-from-raw', context)));
  const found = globs.flatMap((glob) => (/[*?[]/.test(glob) ? globSync(glob).sort() : [glob]));
  const named = [...lines.flatMap(linesOf), ...raw.flatMap((text) => text.split('\0'))];
  return [...found, ...named.filter((name) => name !== '')];
}
