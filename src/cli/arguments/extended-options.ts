import type { S3StoreSpec, StoreSpec } from '../../store/index.ts';
import { cliError } from '../errors.ts';
import type { GlobalOptions } from '../global-options.ts';

/** What one of them says of a store; undefined for a value that is not accepted. */
type Meaning = (value: string) => Partial<S3StoreSpec> | undefined;

/** Numbers of connections and attempts are ours, which fit what is done: other ones are understood and change nothing. */
const ownNumber: Meaning = (value) => (/^[1-9]\d{0,8}$/.test(value) ? {} : undefined);

/** There is no other layout since restic 0.2. */
const onlyDefault: Meaning = (value) => (value === 'default' || value === '' ? {} : undefined);

const bucketLookups = new Map<string, Partial<S3StoreSpec>>([
  ['auto', {}],
  ['dns', { pathStyle: false }],
  ['path', { pathStyle: true }],
]);

/** restic's names for what is said of a store, by the kind of store. Source: restic's `options` command. */
const meanings: Readonly<Record<string, Meaning>> = {
  's3.region': (region) => (region === '' ? undefined : { region }),
  's3.storage-class': (storageClass) => (storageClass === '' ? undefined : { storageClass }),
  's3.bucket-lookup': (value) => bucketLookups.get(value),
  's3.connections': ownNumber,
  's3.retries': ownNumber,
  's3.layout': onlyDefault,
  'local.connections': ownNumber,
  'local.layout': onlyDefault,
};

const accepted = Object.keys(meanings).join(', ');

function meaningOf(option: string): Partial<S3StoreSpec> {
  const [, name = option.trim(), value = ''] = /^\s*([^=]*?)\s*=\s*(.*?)\s*$/s.exec(option) ?? [];
  const meaning = meanings[name.toLowerCase()];
  if (!meaning)
    throw cliError('usage', { message: `-o ${name}: there is no such option`, hint: `Accepted: ${accepted}` });
  const said = meaning(value);
  if (said) return said;
  throw cliError('usage', {
    message: `-o ${name} can't be "${value}"`,
    hint: 'docs/repository.md says what each accepts',
  });
}

/**
 * A store with what -o says of it: `key=value`, in restic's words. Those of another kind of store than this one are passed over,
 * as restic does. Throws cli/usage.
 */
export function withExtendedOptions(store: StoreSpec, { option = [] }: Pick<GlobalOptions, 'option'>): StoreSpec {
  const said = option.map(meaningOf);
  return store.type === 's3' ? Object.assign({ ...store }, ...said) : store;
}
