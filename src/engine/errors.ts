import { errorFamily } from '../base/errors.ts';

/** What can go wrong when a run is carried out. docs/errors.md says what each means and what to do. */
export const engineError = errorFamily('engine', [
  'no-sources',
  'all-vaults-failed',
  'wrong-target',
  'interrupted',
  'locked',
  'lock-lost',
]);
