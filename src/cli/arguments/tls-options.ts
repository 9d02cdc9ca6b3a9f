import type { StoreSpec } from '../../store/index.ts';
import type { CliContext } from '../context.ts';

/** A store with what the options say of the certificates of its server. That none is checked is warned of. */
export function withTlsOptions(
  store: StoreSpec,
  { globals, logger }: Pick<CliContext, 'globals' | 'logger'>,
): StoreSpec {
  const { cacert, insecureTls } = globals;
  if (store.type !== 's3') return store;
  if (insecureTls)
    logger.warn('No certificate is checked (--insecure-tls): whoever stands between can read and change all.');
  return { ...store, ...(cacert !== undefined && { caFile: cacert }), ...(insecureTls && { insecureTls }) };
}
