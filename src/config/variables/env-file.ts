import type { Environment } from '../expand-variables.ts';

/** Windows' editors put a mark before the first name. */
const byteOrderMark = /^\u{feff}/u;

/** NAME=value, with or without "export", the value in quotes (over several lines too) or bare up to " #". */
const assignment =
  /^[ \t]*(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_.-]*)[ \t]*=[ \t]*(?:'([^']*)'|"((?:[^"\\]|\\[^])*)"|([^\n]*?))[ \t]*(?:(?<=[\s'"=])#[^\n]*)?$/gm;

const escapes: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', '"': '"', '\\': '\\', $: '$' };

const unescape = (text: string): string =>
  text.replaceAll(/\\([^])/g, (whole, character: string) => escapes[character] ?? whole);

/**
 * Reads the text of a `.env` file as docker compose does, without its expansion of variables: what is written is the
 * value. A "#" begins a comment at the start of a line, or behind a blank and outside quotes ("pass#word" is whole).
 * In double quotes \n \r \t \" \\ \$ are escapes. The last of two equal names counts; other lines are left out.
 */
export function parseEnvFile(text: string): Environment {
  const variables: Record<string, string> = {};
  const lines = text.replace(byteOrderMark, '').replaceAll(/\r\n?/g, '\n');
  for (const [, name = '', single, double, bare = ''] of lines.matchAll(assignment))
    variables[name] = single ?? (double === undefined ? bare.trimEnd() : unescape(double));
  return variables;
}
