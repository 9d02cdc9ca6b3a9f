import { checkHealth } from '../../jobs/index.ts';
import type { CommandWork } from '../command-work.ts';
import type { CliContext } from '../context.ts';
import { exitStatus } from '../exit-status.ts';
import { requireConfiguration } from '../vaults/open-vaults.ts';
import { visible } from '../views/table.ts';

/** Asks every database and store of the configuration; ends with 0 when all answer, else with 1. Writes nothing. */
async function healthcheck(_options: object, context: CliContext): Promise<void> {
  const { output, clock, logger, signal } = context;
  const { jobs } = await requireConfiguration(context);
  const answers = await checkHealth(jobs, { clock, logger, signal });
  const healthy = answers.every((answer) => answer.answers);
  output.document({ status: healthy ? 'ok' : 'failed', answers });
  for (const { about, answers: ok, message, hint } of answers) {
    if (!output.quiet || !ok)
      output.line(`${ok ? 'ok  ' : 'FAIL'}  ${visible(about)}${ok ? '' : `: ${message ?? ''}`}`);
    if (!ok && hint !== undefined) output.line(`      ${hint}`);
  }
  if (!healthy) context.setExitStatus(exitStatus.fatal);
}

export const healthcheckCommand: CommandWork = { run: healthcheck };
