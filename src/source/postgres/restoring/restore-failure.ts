import { type HoldfastError, messageOf } from '../../../base/errors.ts';
import { sourceError } from '../../errors.ts';
import { describeEnd, type ProgramEnd } from '../programs/run-program.ts';

const causes: readonly {
  readonly words: RegExp;
  readonly reason: 'restore-failed' | 'target-exists' | 'target-full' | 'access-denied' | 'tool-too-old';
  readonly hint: string;
}[] = [
  {
    words: /invalid command \\(?:un)?restrict|unsupported version .* in file header/,
    reason: 'tool-too-old',
    hint: 'Install the PostgreSQL client version that made the dump, with its latest minor release.',
  },
  { words: /No space left on device|could not extend file/, reason: 'target-full', hint: 'Make room on the server.' },
  {
    words: /role ".*" does not exist/,
    reason: 'restore-failed',
    hint: 'Restore the globals first, or leave out owners and privileges.',
  },
  {
    words: /(?:extension|could not open extension control file) /,
    reason: 'restore-failed',
    hint: 'Install the extension’s package on the server.',
  },
  {
    words: /cannot drop table .* because other objects depend on it/,
    reason: 'target-exists',
    hint: 'Views or the like use the existing table: restore it into another database and copy the rows.',
  },
  {
    words: /permission denied|must be (?:owner|superuser)/,
    reason: 'access-denied',
    hint: 'Restore as a superuser, or leave out owners and privileges.',
  },
  {
    words: /(?:type|function|schema|relation|operator class) .* does not exist/,
    reason: 'restore-failed',
    hint: 'The dump needs something that the target lacks; a restore of the whole database brings it along.',
  },
];

function failureFor(said: string): (typeof causes)[number] | undefined {
  return causes.find(({ words }) => words.test(said));
}

/** The error for psql or pg_restore that didn't end well. */
export function restoreFailure(program: string, what: string, end: ProgramEnd): HoldfastError {
  const known = failureFor(end.errors);
  return sourceError(known?.reason ?? 'restore-failed', {
    message: `${program} failed on ${what} (${describeEnd(end)}): ${end.errors === '' ? 'it said nothing' : end.errors}`,
    hint: known?.hint ?? 'The message of the program names the cause; what was there before is untouched.',
  });
}

/** The error for a statement of ours that the server refused. */
export function statementFailure(statement: string, error: unknown): HoldfastError {
  const known = failureFor(messageOf(error));
  return sourceError(known?.reason ?? 'restore-failed', {
    message: `PostgreSQL refused "${statement}": ${messageOf(error)}`,
    hint: known?.hint ?? 'What was there before is untouched.',
    cause: error,
  });
}
