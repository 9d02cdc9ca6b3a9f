import type { Logger } from '../../../base/log.ts';
import { collect, MiB } from '../../../base/bytes.ts';
import { messageOf } from '../../../base/errors.ts';
import type { SourceDetails } from '../../source.ts';
import { createDumpCheck, type DumpFormat } from '../dump-format/check-dump.ts';
import { connect, type Connection } from '../connection/connect.ts';
import {
  addressOf,
  connectionString,
  type ConnectionSettings,
  toolEnvironment,
} from '../connection/connection-settings.ts';
import { countRows, listDumpedTables } from './count-rows.ts';
import { isDatabaseEntry, writePropertiesBlock } from '../dump-format/database-properties.ts';
import { readDumpEntries } from '../dump-format/dump-entries.ts';
import { dumpFailure } from './dump-failure.ts';
import { type ClientTool, findClientTool } from '../programs/find-client-tools.ts';
import { refusePooler } from '../connection/pooler.ts';
import { describeEnd, runProgram } from '../programs/run-program.ts';
import { serverVersion } from '../connection/server-version.ts';
import { exportSnapshot } from './snapshot.ts';
import { splitStatements } from '../dump-format/sql-scanner.ts';

export interface DumpOptions {
  readonly settings: ConnectionSettings;
  readonly format: DumpFormat;
  readonly excludeTables: readonly string[];
  readonly lockWaitTimeoutMs: number;
  readonly binDirs: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
  readonly logger: Logger;
  /** Called once, after the last byte was given out and everything was checked. */
  readonly onDetails: (details: SourceDetails) => void;
}

const propertiesLimit = 64 * MiB;

const notes = [
  'All tables are of one moment; sequences are not transactional and may be slightly later.',
  'Consistent within this database only, not with other databases of the server.',
];

interface DumpCall {
  readonly tool: ClientTool;
  readonly snapshotId: string;
}

async function* once(text: Uint8Array): AsyncGenerator<Uint8Array> {
  yield text;
}

/** Statements that create the database itself and set its properties, as pg_dump writes them. */
async function readProperties(options: DumpOptions, { tool, snapshotId }: DumpCall): Promise<string[]> {
  const { settings, env, signal } = options;
  // Without any schema the run is short: extensions and the like come along and are left out here.
  const args = ['--create', '--schema-only', '--exclude-schema=*', `--snapshot=${snapshotId}`];
  args.push(`--dbname=${connectionString(settings)}`);
  const program = runProgram({ path: tool.path, args, env: toolEnvironment(settings, env), signal });
  program.stdin.end();
  const text = await collect(program.output(), propertiesLimit);
  const end = await program.ended;
  signal.throwIfAborted();
  if (end.status !== 0) throw dumpFailure('pg_dump --create --schema-only', addressOf(settings), end);
  const statements: string[] = [];
  for await (const piece of readDumpEntries(once(text))) {
    if (piece.kind !== 'sql' || !piece.entry || !isDatabaseEntry(piece.entry)) continue;
    // psql's own commands (\connect, \restrict) are no SQL.
    const sql = piece.text.replaceAll(/^\\.*\n/gm, '');
    statements.push(...splitStatements(sql).filter((statement) => !/^(?:SET|SELECT) /.test(statement)));
  }
  return statements;
}

function dumpArguments(options: DumpOptions, snapshotId: string): string[] {
  const { settings, format, excludeTables, lockWaitTimeoutMs } = options;
  return [
    ...(format === 'custom' ? ['--format=custom', '--compress=0'] : ['--format=plain']),
    `--snapshot=${snapshotId}`,
    `--lock-wait-timeout=${lockWaitTimeoutMs}`,
    ...excludeTables.map((pattern) => `--exclude-table=${pattern}`),
    `--dbname=${connectionString(settings)}`,
  ];
}

/** Runs pg_dump and gives out what it writes; throws unless it ended well and the dump is whole. */
async function* pgDump(
  options: DumpOptions,
  { tool, snapshotId }: DumpCall,
  onFirst: () => void,
): AsyncGenerator<Uint8Array> {
  const { settings, format, env, signal } = options;
  const what = addressOf(settings);
  const args = dumpArguments(options, snapshotId);
  const program = runProgram({ path: tool.path, args, env: toolEnvironment(settings, env), signal });
  program.stdin.end();
  const check = createDumpCheck(format, what);
  let finished = false;
  try {
    for await (const chunk of program.output(onFirst)) {
      check.see(chunk);
      yield chunk;
    }
    const end = await program.ended;
    finished = true;
    signal.throwIfAborted();
    if (end.status !== 0) throw dumpFailure('pg_dump', what, end);
    if (end.errors !== '') options.logger.warn(`pg_dump of ${what}: ${end.errors}`, { end: describeEnd(end) });
    const failure = check.failure();
    if (failure) throw failure;
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    if (!finished) await program.kill();
  }
}

interface RowCounts {
  readonly rowCounts?: Readonly<Record<string, number>>;
  readonly problem?: string;
}

/** Counts the rows. A dump is whole without: when that fails it becomes a note of the restore point. */
async function tryToCount(connection: Connection, excluded: readonly string[]): Promise<RowCounts> {
  try {
    return { rowCounts: await countRows(connection, await listDumpedTables(connection, excluded)) };
  } catch (error) {
    return { problem: `The rows could not be counted, a restore can't be compared with the dump: ${messageOf(error)}` };
  }
}

/**
 * One database as a dump, uncompressed: all tables in one snapshot, whose rows are counted in the same snapshot while
 * pg_dump runs. Throws, and so leaves no restore point, when anything about it is not certain: source/unreachable,
 * authentication, pooler, tool-missing, tool-too-old, access-denied, dump-failed, dump-incomplete.
 */
export async function* dumpDatabase(options: DumpOptions): AsyncGenerator<Uint8Array> {
  const { settings, logger, signal, excludeTables, binDirs, env } = options;
  const connection = await connect([settings], signal);
  const onAbort = (): void => void connection.close();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    await refusePooler(connection, signal);
    const server = await serverVersion(connection);
    const tool = await findClientTool({ program: 'pg_dump', server, binDirs, env });
    logger.info(`dumping ${addressOf(settings)}`, { server: server.text, pg_dump: tool.version.text, path: tool.path });
    const snapshot = await exportSnapshot(connection);
    const call = { tool, snapshotId: snapshot.id };
    if (options.format === 'plain') {
      yield Buffer.from(writePropertiesBlock(await readProperties(options, call)), 'latin1');
    }
    let counting: Promise<RowCounts> | undefined;
    // From its first output on pg_dump holds the snapshot and a lock on every table: nothing can be dropped meanwhile.
    yield* pgDump(options, call, () => {
      counting = tryToCount(connection, excludeTables);
    });
    const { rowCounts, problem } = (await counting) ?? {};
    signal.throwIfAborted();
    if (problem !== undefined) logger.warn(`${addressOf(settings)}: ${problem}`);
    options.onDetails({
      serverVersion: server.text,
      toolVersions: { pg_dump: tool.version.text },
      ...(rowCounts ? { rowCounts } : {}),
      notes: [
        ...notes,
        ...(snapshot.inRecovery ? ['Read from a standby: unlogged tables are empty.'] : []),
        ...(problem === undefined ? [] : [problem]),
      ],
    });
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener('abort', onAbort);
    await connection.close();
  }
}
