import { Command, CommanderError } from 'commander';
import { HoldfastError } from '../base/errors.ts';
import { registerEnvironmentSecrets } from '../config/index.ts';
import { chapters, type CommandEntry, type CommandGroup } from './commands.ts';
import { createContext, type CliContext, type Surroundings } from './context.ts';
import { exitStatus, exitStatusOf } from './exit-status.ts';
import { addGlobalOptions, withoutVerbosity } from './global-options.ts';
import { createOutput } from './output.ts';

/** Runs the work of a command with its context; what it throws is reported here, once. */
type Act = (command: Command, work: (context: CliContext) => Promise<void>) => Promise<void>;

/** How the command line is read and what is done with it. */
interface Building {
  /** The words that were given. */
  readonly words: readonly string[];
  readonly act: Act;
}

/** Adds a command: that it exists, and where its name is among the words, its options and what it does. */
async function addCommand(parent: Command, entry: CommandEntry | CommandGroup, building: Building): Promise<void> {
  const { words, act } = building;
  const command = parent.command(entry.name).description(entry.does);
  if ('commands' in entry) {
    const inside = words.includes(entry.name) ? building : { words: [], act };
    for (const inner of entry.commands) await addCommand(command, inner, inside);
    return;
  }
  const { name, alias, load } = entry;
  if (alias !== undefined) command.alias(alias);
  if (!words.some((word) => word === name || word === alias)) return;
  const { define, run, shows } = await load();
  define?.(command);
  command.action((...given: unknown[]) => {
    const taken = given.slice(0, -1); // the last is the command itself
    return act(command, (context) => {
      if (shows) context.endUnheard();
      return (run as (...words: unknown[]) => Promise<void>)(...taken, context);
    });
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
    // Arguments are known of the command that is called, so that lists are of names.
    .configureHelp({
      showGlobalOptions: true,
      subcommandTerm: (command) => [command.name(), ...command.aliases()].join('|'),
    })
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
  for (const { heading, commands } of chapters) {
    program.commandsGroup(heading);
    for (const entry of commands) await addCommand(program, entry, { words: args, act });
  }
  program.helpCommand('help', 'show this, or what a command takes: help backup');

  try {
    await program.parseAsync([...withoutVerbosity(args)], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    status = error.exitCode === 0 ? exitStatus.done : exitStatus.fatal;
  }
  return status;
}
