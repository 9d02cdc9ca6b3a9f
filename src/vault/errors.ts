import { errorFamily } from '../base/errors.ts';

/** What can go wrong in a vault. docs/errors.md says what each means and what to do. */
export const vaultError = errorFamily('vault', [
  'not-found',
  'ambiguous',
  'empty',
  'name-taken',
  'bad-name',
  'bad-options',
  'bad-manifest',
  'newer-format',
  'missing-object',
  'wrong-size',
  'corrupt',
  'truncated',
  'wrong-key',
  'key-needed',
  'path-not-found',
  'not-a-file',
  'changed-meanwhile',
  'uploads-failed',
  'suddenly-empty',
  'bad-order',
  'no-kernels',
]);
