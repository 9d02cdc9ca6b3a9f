import { errorFamily } from '../base/errors.ts';

/** What can go wrong in an object store. docs/errors.md says what each means and what to do. */
export const storeError = errorFamily('store', [
  'not-found',
  'already-exists',
  'changed',
  'bad-key',
  'bad-range',
  'bad-address',
  'bucket-not-found',
  'access-denied',
  'bad-credentials',
  'no-credentials',
  'clock-skew',
  'unreachable',
  'throttled',
  'unavailable',
  'short-read',
  'full',
  'read-only',
  'too-large',
  'unsupported',
  'failed',
]);
