import type { HoldfastError } from '../../../base/errors.ts';
import { sourceError } from '../../errors.ts';
import { describeEnd, type ProgramEnd } from '../programs/run-program.ts';

/** What the words of pg_dump mean, most telling first. Its messages are English: the environment asks for that. */
const causes: readonly {
  readonly words: RegExp;
  readonly reason: 'dump-failed' | 'access-denied' | 'tool-too-old' | 'pooler' | 'authentication' | 'unreachable';
  readonly hint: string;
  readonly retryable?: boolean;
}[] = [
  {
    words: /server version mismatch/,
    reason: 'tool-too-old',
    hint: 'Install a PostgreSQL client that is not older than the server.',
  },
  {
    words: /row-level security|row security policy/,
    reason: 'access-denied',
    hint: 'Row security hides rows from this role: dump as the tables’ owner, a superuser or a role with BYPASSRLS.',
  },
  {
    words: /permission denied/,
    reason: 'access-denied',
    hint: 'Dump as a superuser or as a member of pg_read_all_data.',
  },
  {
    words: /conflict with recovery/,
    reason: 'dump-failed',
    hint: 'The standby cancelled the dump to go on with its replay: raise max_standby_streaming_delay or set hot_standby_feedback.',
    retryable: true,
  },
  {
    words: /lock timeout|could not obtain lock|statement timeout[^]*LOCK TABLE/,
    reason: 'dump-failed',
    hint: 'Another session holds a table locked: dump at another time, or raise lockWaitTimeoutMs.',
    retryable: true,
  },
  {
    words: /invalid snapshot identifier|could not import the requested snapshot|unsupported startup parameter/,
    reason: 'pooler',
    hint: 'Give the address of the PostgreSQL server itself, not of a connection pooler.',
  },
  {
    words: /password authentication failed|no password supplied/,
    reason: 'authentication',
    hint: 'Check the password.',
  },
  {
    words:
      /terminating connection|server closed the connection|connection to server .* failed|SSL connection has been closed/,
    reason: 'dump-failed',
    hint: 'The server ended the session or went away: look at its log, then run the backup again.',
    retryable: true,
  },
];

/** The error for a PostgreSQL program that didn't end well while it read `what`. */
export function dumpFailure(program: string, what: string, end: ProgramEnd): HoldfastError {
  const known = causes.find(({ words }) => words.test(end.errors));
  const said = end.errors === '' ? 'it said nothing' : end.errors;
  return sourceError(known?.reason ?? 'dump-failed', {
    message: `${program} failed on ${what} (${describeEnd(end)}): ${said}`,
    hint: known?.hint ?? 'The message of the program names the cause; nothing of this dump was kept.',
    retryable: known?.retryable ?? false,
    context: { status: end.status, killedBy: end.killedBy },
  });
}
