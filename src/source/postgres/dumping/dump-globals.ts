import type { SourceDetails } from '../../source.ts';
import { createDumpCheck } from '../dump-format/check-dump.ts';
import { connect, withConnection } from '../connection/connect.ts';
import { addressOf, connectionString, toolEnvironment } from '../connection/connection-settings.ts';
import type { DumpOptions } from './dump-database.ts';
import { dumpFailure } from './dump-failure.ts';
import { type ClientTool, findClientTool } from '../programs/find-client-tools.ts';
import { type ProgramEnd, runProgram } from '../programs/run-program.ts';
import { serverVersion } from '../connection/server-version.ts';

export interface DumpGlobalsOptions extends Pick<
  DumpOptions,
  'settings' | 'binDirs' | 'env' | 'signal' | 'logger' | 'onDetails' | 'lockWaitTimeoutMs'
> {
  /** False leaves the roles' passwords out; true falls back to that where the server doesn't show them. */
  readonly rolePasswords: boolean;
}

const withoutPasswords = 'The passwords of the roles are missing: the server does not show them to this role.';

interface GlobalsDump {
  readonly chunks: readonly Uint8Array[];
  readonly end: ProgramEnd;
}

/** Runs pg_dumpall to its end. Its output is held: globals are small, and a second try must be able to replace it. */
async function runDumpall(options: DumpGlobalsOptions, tool: ClientTool, passwords: boolean): Promise<GlobalsDump> {
  const { settings, env, signal, lockWaitTimeoutMs } = options;
  const conninfo = connectionString(settings);
  const args = ['--globals-only', `--lock-wait-timeout=${lockWaitTimeoutMs}`, `--dbname=${conninfo}`];
  args.push(`--database=${settings.database}`, ...(passwords ? [] : ['--no-role-passwords']));
  const program = runProgram({ path: tool.path, args, env: toolEnvironment(settings, env), signal });
  program.stdin.end();
  const chunks: Uint8Array[] = [];
  for await (const chunk of program.output()) chunks.push(chunk);
  const end = await program.ended;
  signal.throwIfAborted();
  return { chunks, end };
}

/** Roles, their memberships, settings and passwords, and tablespaces, as SQL. Throws as `dumpDatabase` does. */
export async function* dumpGlobals(options: DumpGlobalsOptions): AsyncGenerator<Uint8Array> {
  const { settings, signal, logger, binDirs, env } = options;
  const what = `the globals of ${addressOf(settings)}`;
  const server = await withConnection(connect([settings], signal), serverVersion);
  const tool = await findClientTool({ program: 'pg_dumpall', server, binDirs, env });
  let passwords = options.rolePasswords;
  let dump = await runDumpall(options, tool, passwords);
  if (passwords && dump.end.status !== 0 && /permission denied.*pg_authid/.test(dump.end.errors)) {
    logger.warn(`${what}: ${withoutPasswords}`);
    passwords = false;
    dump = await runDumpall(options, tool, passwords);
  }
  if (dump.end.status !== 0) throw dumpFailure('pg_dumpall', what, dump.end);
  const check = createDumpCheck('plain', what);
  for (const chunk of dump.chunks) check.see(chunk);
  const failure = check.failure();
  if (failure) throw failure;
  yield* dump.chunks;
  const details: SourceDetails = {
    serverVersion: server.text,
    toolVersions: { pg_dumpall: tool.version.text },
    notes: passwords ? [] : [withoutPasswords],
  };
  options.onDetails(details);
}
