import { configError, type Configuration } from '../../config/index.ts';
import type { CliContext } from '../context.ts';
import { defaultConfigFile, findConfiguration } from '../open-vaults.ts';

async function requireConfiguration(context: CliContext): Promise<Configuration> {
  const configuration = await findConfiguration(context);
  if (configuration) return configuration;
  throw configError('not-found', {
    message: `there is no ${defaultConfigFile} here`,
    hint: 'Name a configuration with --config FILE',
  });
}

/** Reads the configuration and says whether it is right; touches nothing else. */
export async function checkConfiguration(_options: object, context: CliContext): Promise<void> {
  const { origin, jobs, vaults } = await requireConfiguration(context);
  context.output.document({ origin, valid: true, jobs: jobs.map(({ name }) => name) });
  context.output.line(`${origin}: ok, ${jobs.length} job(s), ${vaults.length} vault(s)`);
}

/** Prints the effective jobs; secrets are hidden by the output. */
export async function showConfiguration(_options: object, context: CliContext): Promise<void> {
  const { origin, jobs } = await requireConfiguration(context);
  context.output.document({ origin, jobs });
  context.output.line(JSON.stringify(jobs, null, 2));
}
