import { Command, CommanderError } from 'commander';
import { HoldfastError } from '../base/errors.ts';
import { registerEnvironmentSecrets } from '../config/index.ts';
import { backup, defineBackup } from './commands/backup.ts';
import { cat, defineCat } from './commands/cat.ts';
import { check, defineCheck } from './commands/check.ts';
import { checkConfiguration, convertConfigurationFile, showConfiguration } from './commands/config.ts';
import { copy, defineCopy } from './commands/copy.ts';
import { daemon, defineDaemon } from './commands/daemon.ts';
import { defineDiff, diff } from './commands/diff.ts';
import { doctor, defineDoctor } from './commands/doctor.ts';
import { defineDump, dump } from './commands/dump.ts';
import { defineFind, find } from './commands/find.ts';
import { defineForget, forget } from './commands/forget.ts';
import { defineHealthcheck, healthcheck } from './commands/healthcheck.ts';
import { defineInit, init } from './commands/init.ts';
import {
  addKey,
  changeKey,
  defineKeyAdd,
  defineKeyChange,
  defineKeyList,
  defineKeyRemove,
  listKeys,
  removeKey,
} from './commands/key.ts';
import { defineList, list } from './commands/list.ts';
import { defineLs, ls } from './commands/ls.ts';
import { definePrune, prune } from './commands/prune.ts';
import { defineRepairIndex, defineRepairPacks, repairIndex, repairPacks } from './commands/repair.ts';
import { defineRestore, restore } from './commands/restore.ts';
import {
  defineRepairSnapshots,
  defineRewrite,
  defineTag,
  repairSnapshots,
  rewrite,
  tag,
} from './commands/snapshot-changes.ts';
import { defineShow, show } from './commands/show.ts';
import { defineStats, stats } from './commands/stats.ts';
import { defineUnlock, unlock } from './commands/unlock.ts';
import { defineVerify, verify } from './commands/verify.ts';
import { createContext, type CliContext, type Surroundings } from './context.ts';
import { exitStatus, exitStatusOf } from './exit-status.ts';
import { addGlobalOptions } from './global-options.ts';
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
  { name: 'find', define: defineFind, run: find },
  { name: 'diff', define: defineDiff, run: diff },
  { name: 'restore', define: defineRestore, run: restore },
  { name: 'dump', define: defineDump, run: dump },
  { name: 'verify', define: defineVerify, run: verify },
  { name: 'check', define: defineCheck, run: check },
  { name: 'forget', define: defineForget, run: forget },
  { name: 'init', define: defineInit, run: init },
  { name: 'prune', define: definePrune, run: prune },
  { name: 'copy', define: defineCopy, run: copy },
  { name: 'tag', define: defineTag, run: tag },
  { name: 'rewrite', define: defineRewrite, run: rewrite },
  { name: 'stats', define: defineStats, run: stats },
  { name: 'cat', define: defineCat, run: cat },
  { name: 'rebuild-index', define: defineRepairIndex, run: repairIndex },
  { name: 'unlock', define: defineUnlock, run: unlock },
  { name: 'healthcheck', define: defineHealthcheck, run: healthcheck },
  { name: 'doctor', define: defineDoctor, run: doctor },
];

const repairCommands: readonly CommandEntry[] = [
  { name: 'index', define: defineRepairIndex, run: repairIndex },
  { name: 'snapshots', define: defineRepairSnapshots, run: repairSnapshots },
  { name: 'packs', define: defineRepairPacks, run: repairPacks },
];

const keyCommands: readonly CommandEntry[] = [
  { name: 'list', define: defineKeyList, run: listKeys },
  { name: 'add', define: defineKeyAdd, run: addKey },
  { name: 'remove', define: defineKeyRemove, run: removeKey },
  { name: 'passwd', define: defineKeyChange, run: changeKey },
];

const repoCommands: readonly CommandEntry[] = [{ name: 'init', define: defineInit, run: init }];

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

function addCommand(parent: Command, { name, alias, define, run }: CommandEntry, act: Act): void {
  const command = define(parent.command(name));
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
  const program = addGlobalOptions(new Command('holdfast'))
    .description('Backs up PostgreSQL servers and directories to S3 or a disk, and restores them.')
    .version(version)
    .configureHelp({ showGlobalOptions: true })
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void streams.stdout.write(text),
      writeErr: (text) => void streams.stderr.write(text),
    })
    .showHelpAfterError('(holdfast --help, or holdfast COMMAND --help, lists what is accepted)');

  const act: Act = async (command, work) => {
    let context: CliContext | undefined;
    try {
      context = createContext(command, { ...surroundings, version }, (value) => (status = value));
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
  const key = program.command('key').description('list, add or remove the passwords of a repository');
  for (const entry of keyCommands) addCommand(key, entry, act);
  const repair = program.command('repair').description('mend a repository');
  for (const entry of repairCommands) addCommand(repair, entry, act);
  const repo = program.command('repo').description('make a repository');
  for (const entry of repoCommands) addCommand(repo, entry, act);
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
