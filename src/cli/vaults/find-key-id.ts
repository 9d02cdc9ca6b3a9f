import { cliError } from '../errors.ts';

/** The whole id of the key that `id` begins. Throws cli/usage. */
export function findKeyId(keys: readonly { readonly id: string }[], id: string): string {
  const [key, another] = keys.filter((one) => id !== '' && one.id.startsWith(id));
  if (key && !another) return key.id;
  throw cliError('usage', {
    message: another ? `"${id}" is the beginning of several keys` : `there is no key "${id}"`,
    hint: 'holdfast key list shows them',
  });
}
