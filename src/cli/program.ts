import { Command, CommanderError, Option } from 'commander';
import { HoldfastError } from '../base/errors.ts';
import { registerEnvironmentSecrets } from '../config/index.ts';
import { backup, defineBackup } from './commands/backup.ts';
import { checkConfiguration, convertConfigurationFile, showConfiguration } from './commands/config.ts';
import { daemon, defineDaemon } from './commands/daemon.ts';
import { doctor, defineDoctor } from './commands/doctor.ts';
import { defineDump, dump } from './commands/dump.ts';
import { defineForget, forget } from './commands/forget.ts';
import { defineHealthcheck, healthcheck } from './commands/healthcheck.ts';
import { defineList, list } from './commands/list.ts';
import { defineLs, ls } from './commands/ls.ts';
import { defineRestore, restore } from './commands/restore.ts';
import { defineShow, show } from './commands/show.ts';
import { defineVerify, verify } from './commands/verify.ts';
import { createContext, type CliContext, type Surroundings } from './context.ts';
import { exitStatus, exitStatusOf } from './exit-status.ts';
import { createOutput } from './output.ts';

interface CommandEntry {
  readonly name: string;
  readonly alias?: string;
  readonly define: (command: Command) => Command;
  /** Takes the command's arguments in the order of its definition, then its options, then the context. */
  readonly run: (...words: never[]) => Promise<void>;
}

const commands: readonly CommandEntry[] = [
  { name: 'backup', alias: 'once', define: defineBackup, run: backup },
  { name: 'daemon', define: defineDaemon, run: daemon },
  { name: 'list', alias: 'snapshots', define: defineList, run: list },
  { name: 'show', define: defineShow, run: show },
  { name: 'ls', define: defineLs, run: ls },
  { name: 'restore', define: defineRestore, run: restore },
  { name: 'dump', define: defineDump, run: dump },
  { name: 'verify', define: defineVerify, run: verify },
  { name: 'forget', define: defineForget, run: forget },
  { name: 'healthcheck', define: defineHealthcheck, run: healthcheck },
  { name: 'doctor', define: defineDoctor, run: doctor },
];

const configCommands: readonly CommandEntry[] = [
  {
    name: 'check',
    define: (command) => command.description('say whether the configuration is right; touches nothing'),
    run: checkConfiguration,
  },
  {
    name: 'show',
    define: (command) => command.description('print the effective jobs, secrets hidden'),
    run: showConfiguration,
  },
  {
    name: 'convert',
    define: (command) => command.description('print any accepted configuration as a holdfast.yaml'),
    run: convertConfigurationFile,
  },
];

/** Runs the work of a command with its context; what it throws is reported here, once. */
type Act = (command: Command, work: (context: CliContext) => Promise<void>) => Promise<void>;

function addGlobalOptions(command: Command): Command {
  return command
    .option('--config <file>', 'configuration file (also HOLDFAST_CONFIG; default: ./holdfast.yaml)')
    .option('--json', 'print JSON for programs')
    .option('-q, --quiet', 'print errors only')
    .option('--log-level <level>', 'debug, info, warn or error (default: warn; also HOLDFAST_LOG_LEVEL)')
    .addOption(new Option('--log-format <format>', 'of the log on stderr').choices(['text', 'json']));
}

function addCommand(parent: Command, { name, alias, define, run }: CommandEntry, act: Act): void {
  const command = addGlobalOptions(define(parent.command(name)));
  if (alias !== undefined) command.alias(alias);
  command.action((...given: unknown[]) => {
    const words = given.slice(0, -1); // the last is the command itself
    return act(command, (context) => (run as (...words: unknown[]) => Promise<void>)(...words, context));
  });
}

/**
 * Runs the command line and returns the exit status. `args` are the words after the program's name.
 * Everything that the process owns (streams, environment, signals) comes in through `surroundings`.
 */
export async function runCommandLine(
  args: readonly string[],
  version: string,
  surroundings: Surroundings,
): Promise<number> {
  const { streams, environment } = surroundings;
  registerEnvironmentSecrets(environment);

  let status: number = exitStatus.done;
  const program = new Command('holdfast')
    .description('Backs up PostgreSQL servers and directories to S3 or a disk, and restores them.')
    .version(version)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void streams.stdout.write(text),
      writeErr: (text) => void streams.stderr.write(text),
    })
    .showHelpAfterError('(holdfast --help, or holdfast COMMAND --help, lists what is accepted)');

  const act: Act = async (command, work) => {
    let context: CliContext | undefined;
    try {
      context = createContext(command, surroundings, (value) => (status = value));
      await work(context);
    } catch (thrown) {
      const error: unknown = surroundings.signal.aborted ? surroundings.signal.reason : thrown;
      if (!(error instanceof HoldfastError)) context?.logger.debug('unexpected', { stack: (error as Error).stack });
      const { json } = command.optsWithGlobals<{ json?: boolean }>();
      createOutput(streams, { json: json ?? false, quiet: false }).failure(error);
      status = exitStatusOf(error);
    }
  };
  for (const entry of commands) addCommand(program, entry, act);
  const config = program.command('config').description('check, show or convert the configuration');
  for (const entry of configCommands) addCommand(config, entry, act);

  try {
    await program.parseAsync([...args], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    status = error.exitCode === 0 ? exitStatus.done : exitStatus.fatal;
  }
  return status;
}
