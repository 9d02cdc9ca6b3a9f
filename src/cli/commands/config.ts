import { convertConfiguration } from '../../config/index.ts';
import { openVaultUse } from '../../jobs/index.ts';
import type { CommandWork } from '../command-work.ts';
import type { CliContext } from '../context.ts';
import { requireConfiguration } from '../vaults/open-vaults.ts';

/** Reads the configuration and says whether it is right; touches nothing else. */
async function checkConfiguration(_options: object, context: CliContext): Promise<void> {
  const { origin, jobs, vaults } = await requireConfiguration(context);
  // Opening a vault sends nothing, and finds what no schema can: a layout or a recipient that makes no sense.
  for (const use of vaults) await (await openVaultUse(use, context)).vault.close();
  context.output.document({ origin, valid: true, jobs: jobs.map(({ name }) => name) });
  context.output.line(`${origin}: ok, ${jobs.length} job(s), ${vaults.length} vault(s)`);
}

/** Prints the effective jobs; secrets are hidden by the output. */
async function showConfiguration(_options: object, context: CliContext): Promise<void> {
  const { origin, jobs } = await requireConfiguration(context);
  context.output.document({ origin, jobs });
  context.output.line(JSON.stringify(jobs, null, 2));
}

/**
 * Prints the configuration in the native shape; what came out of a variable stays a reference to it. It is no message but
 * a file that is to run: what the other one holds stands in it unmasked.
 */
async function convertConfigurationFile(_options: object, context: CliContext): Promise<void> {
  const text = await convertConfiguration(await requireConfiguration(context));
  const { output } = context;
  await output.bytes(Buffer.from(output.json ? `${JSON.stringify({ yaml: text })}\n` : text));
}

export const checkConfigurationCommand: CommandWork = { run: checkConfiguration };
export const showConfigurationCommand: CommandWork = { run: showConfiguration, shows: true };
export const convertConfigurationCommand: CommandWork = { run: convertConfigurationFile, shows: true };
