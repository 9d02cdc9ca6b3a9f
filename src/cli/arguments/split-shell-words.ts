import { cliError } from '../errors.ts';

const word = /'([^']*)'|"((?:[^"\\]|\\[^])*)"|\\([^])|([^\s'"\\]+)|(\s+)/y;

/** The words of a command line as a shell would take them apart: quotes and backslashes, nothing else. Throws cli/usage. */
export function splitShellWords(line: string): string[] {
  const words: string[] = [];
  let current: string | undefined;
  word.lastIndex = 0;
  while (word.lastIndex < line.length) {
    const match = word.exec(line);
    if (!match) throw cliError('usage', { message: 'a quote in a command is not closed', hint: 'Close it' });
    const [, single, double, escaped, bare, blank] = match;
    if (blank === undefined)
      current = (current ?? '') + (single ?? double?.replaceAll(/\\(["\\])/g, '$1') ?? escaped ?? bare ?? '');
    else if (current !== undefined) {
      words.push(current);
      current = undefined;
    }
  }
  return current === undefined ? words : [...words, current];
}
