import { errorFamily } from '../base/errors.ts';

/** What can be wrong with a configuration. docs/errors.md says what each means and what to do. */
export const configError = errorFamily('config', [
  'not-found',
  'unreadable',
  'invalid',
  'unknown-job',
  'unknown-vault',
]);
