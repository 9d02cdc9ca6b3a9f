import type { Logger } from '../../../base/log.ts';
import { sourceError } from '../../errors.ts';
import { connectionString, type ConnectionSettings, toolEnvironment } from '../connection/connection-settings.ts';
import type { DumpPiece } from '../dump-format/dump-entries.ts';
import { writeTo } from '../programs/feed-program.ts';
import { type ClientTool, installedTools } from '../programs/find-client-tools.ts';
import { restoreFailure } from './restore-failure.ts';
import { runProgram, type RunningProgram } from '../programs/run-program.ts';
import type { PostgresVersion } from '../connection/server-version.ts';
import { identifierPattern } from '../dump-format/sql-scanner.ts';

export interface LoadOptions {
  /** The database to load into. */
  readonly settings: ConnectionSettings;
  readonly server: PostgresVersion;
  readonly noOwner: boolean;
  readonly noPrivileges: boolean;
  /** True when psql must know \restrict. */
  readonly restricted: boolean;
  readonly binDirs: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
  readonly logger: Logger;
}

/** The minor releases of August 2025, the first that know \restrict, by major version. */
const restrictSince: Readonly<Record<number, number>> = { 13: 22, 14: 19, 15: 14, 16: 10, 17: 6 };

function knowsRestrict({ major, minor }: PostgresVersion): boolean {
  return major >= 18 || minor >= (restrictSince[major] ?? Number.POSITIVE_INFINITY);
}

async function findPsql({ binDirs, env, server, restricted }: LoadOptions): Promise<ClientTool> {
  const all = (await installedTools({ program: 'psql', binDirs, env })).sort(
    (a, b) => a.version.major - b.version.major || b.version.minor - a.version.minor,
  );
  const newest = all.at(-1);
  if (!newest) {
    throw sourceError('tool-missing', {
      message: 'psql is not installed on this machine',
      hint: `Install a PostgreSQL client: apt install postgresql-client-${server.major}`,
    });
  }
  const able = all.filter(({ version }) => !restricted || knowsRestrict(version));
  const chosen = able.find(({ version }) => version.major >= server.major) ?? able.at(-1);
  if (chosen) return chosen;
  throw sourceError('tool-too-old', {
    message: `psql ${newest.version.text} does not know the \\restrict command that the dump uses`,
    hint: 'Install the latest minor release of the PostgreSQL client (13.22, 14.19, 15.14, 16.10, 17.6, 18 or newer).',
  });
}

const ownerStatement = new RegExp(String.raw`^ALTER [A-Z ]+ .* OWNER TO ${identifierPattern};\n\s*$`, 'm');

/** The text of a piece as it is to be run; empty when nothing of it is. */
export function adaptText(piece: Extract<DumpPiece, { kind: 'sql' }>, options: AdaptOptions): string {
  const type = piece.entry?.type ?? '';
  let { text } = piece;
  if (options.noPrivileges && (type === 'ACL' || type === 'DEFAULT ACL')) return '';
  // A newer client writes this for every server; older servers don't know it.
  if (options.server.major < 17) text = text.replace(/^SET transaction_timeout = 0;\n/m, '');
  // pg_dump wraps large objects in a transaction of their own, which would end ours.
  if (type.startsWith('BLOB') || type.startsWith('LARGE OBJECT')) text = text.replaceAll(/^(?:BEGIN|COMMIT);\n/gm, '');
  // The owner is the last statement of an entry; in the body of a function such a line is none.
  if (options.noOwner) text = text.replace(ownerStatement, '');
  return text;
}

export type AdaptOptions = Pick<LoadOptions, 'noOwner' | 'noPrivileges' | 'server'>;

async function sendPieces(
  program: RunningProgram,
  pieces: AsyncIterable<DumpPiece>,
  options: LoadOptions,
): Promise<void> {
  let taking = await writeTo(program, Buffer.from('BEGIN;\n'));
  for await (const piece of pieces) {
    const bytes = piece.kind === 'rows' ? piece.bytes : Buffer.from(adaptText(piece, options), 'latin1');
    if (taking) taking = await writeTo(program, bytes);
    if (!taking) return;
  }
  await writeTo(program, Buffer.from('COMMIT;\n'));
}

async function drain(chunks: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const chunk of chunks) void chunk;
}

/**
 * Runs the pieces in one transaction by psql. It is committed only after `pieces` has ended without throwing: when that
 * throws, psql is ended before it could see an end of its input, and the server rolls back.
 * Throws source/restore-failed and its like with what psql said.
 */
export async function loadPieces(pieces: AsyncIterable<DumpPiece>, options: LoadOptions): Promise<void> {
  const { settings, env, signal, logger } = options;
  const tool = await findPsql(options);
  logger.info(`loading into "${settings.database}"`, { psql: tool.version.text, path: tool.path });
  const args = ['--no-psqlrc', '--quiet', '--set=ON_ERROR_STOP=1', '--output=/dev/null', '--no-password'];
  args.push(`--dbname=${connectionString(settings)}`);
  const program = runProgram({ path: tool.path, args, env: toolEnvironment(settings, env), signal });
  const draining = drain(program.output()).catch(() => {});
  let finished = false;
  try {
    await sendPieces(program, pieces, options);
    program.stdin.end();
    const end = await program.ended;
    finished = true;
    await draining;
    signal.throwIfAborted();
    if (end.status !== 0) throw restoreFailure('psql', `"${settings.database}"`, end);
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    if (!finished) await program.kill();
  }
}
