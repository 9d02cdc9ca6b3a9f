import type { Command } from 'commander';
import { chosenRepository } from '../vaults/chosen-repository.ts';
import type { CommandWork } from '../command-work.ts';
import type { CliContext } from '../context.ts';
import { checkMachine, checkSources, checkVault, type Finding } from '../doctor-checks.ts';
import { exitStatus } from '../exit-status.ts';
import { findConfiguration, type FromOptions } from '../vaults/open-vaults.ts';
import { visible } from '../views/table.ts';
import { addReadOptions, vaultAt } from '../arguments/vault-options.ts';

const marks: Readonly<Record<Finding['state'], string>> = { ok: 'ok  ', warn: 'WARN', fail: 'FAIL' };

/** Looks at the machine and at whatever is configured or named, and says what is missing and how to mend it. */
async function doctor(options: FromOptions, context: CliContext): Promise<void> {
  const { output } = context;
  const configuration = await findConfiguration(context);
  const named = options.from === undefined ? [] : [await vaultAt(options.from, options, context)];
  const repository = await chosenRepository(context, { instead: options.from === undefined ? undefined : '--from' });
  if (repository) named.push(repository);
  const findings = await checkMachine(context);
  for (const use of [...named, ...(configuration?.vaults ?? [])]) findings.push(...(await checkVault(use, context)));
  for (const job of configuration?.jobs ?? []) findings.push(...(await checkSources(job, context)));

  for (const { about, state, message, remedy } of findings) {
    output.line(`${marks[state]}  ${visible(about)}: ${visible(message)}`);
    if (remedy !== undefined) output.line(`      ${remedy}`);
  }
  const failures = findings.filter(({ state }) => state === 'fail').length;
  output.document({ status: failures === 0 ? 'ok' : 'failed', findings });
  if (failures > 0) context.setExitStatus(exitStatus.runFailed);
}

function defineDoctor(command: Command): Command {
  return addReadOptions(command).option('--from <address>', 'also try this vault: a directory or s3://bucket/prefix');
}

export const doctorCommand: CommandWork = { define: defineDoctor, run: doctor };
