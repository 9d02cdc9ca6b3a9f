import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { delimiter, join, resolve } from 'node:path';
import { sourceError } from '../errors.ts';

export interface ProgramPlace {
  /** The environment that the program will run in: its PATH counts, not ours. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly workingDirectory: string;
}

const isProgram = async (file: string): Promise<boolean> => {
  try {
    await access(file, constants.X_OK);
    return (await stat(file)).isFile();
  } catch {
    return false;
  }
};

/** The file that running `program` would run, found as execvp(3) finds it. Throws source/tool-missing when none is. */
export async function findProgram(program: string, { environment, workingDirectory }: ProgramPlace): Promise<string> {
  const folders = program.includes('/') ? [''] : (environment['PATH'] ?? '/usr/bin:/bin').split(delimiter);
  for (const folder of folders) {
    const file = resolve(workingDirectory, join(folder, program));
    if (await isProgram(file)) return file;
  }
  const where = program.includes('/') ? 'there is no such program' : 'no folder of PATH has such a program';
  throw sourceError('tool-missing', {
    message: `The program "${program}" can't be run: ${where}.`,
    hint: 'Install it, or give its full path in "command".',
    context: { program },
  });
}
