import type { Command } from 'commander';
import { selectJobs } from '../../config/index.ts';
import type { CommandWork } from '../command-work.ts';
import type { CliContext } from '../context.ts';
import { requireConfiguration } from '../vaults/open-vaults.ts';
import { repeat } from '../repeat.ts';
import { collect } from '../arguments/vault-options.ts';

export interface DaemonOptions {
  readonly job?: readonly string[];
}

/** Runs the configured jobs by their schedules until it is told to stop. */
async function daemon(options: DaemonOptions, context: CliContext): Promise<void> {
  const configuration = await requireConfiguration(context);
  await repeat(selectJobs(configuration, options.job ?? []), context);
}

function defineDaemon(command: Command): Command {
  return command.option('--job <name>', 'only this job; repeat for several', collect).addHelpText(
    'after',
    `
SIGTERM or Ctrl+C lets the run under way come to its end; a second one aborts it cleanly. A failed run does not end the
daemon. Runs that were missed while it was down are made up for by one.`,
  );
}

export const daemonCommand: CommandWork = { define: defineDaemon, run: daemon };
