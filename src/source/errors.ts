import { errorFamily } from '../base/errors.ts';

/** What can go wrong while a source is read, or written back. docs/errors.md says what each means and what to do. */
export const sourceError = errorFamily('source', [
  'not-found',
  'access-denied',
  'unreadable',
  'bad-pattern',
  'bad-address',
  'no-match',
  'tool-missing',
  'tool-too-old',
  'unreachable',
  'authentication',
  'pooler',
  'dump-failed',
  'dump-incomplete',
  'command-failed',
  'empty-output',
  'bad-command',
  'target-exists',
  'target-missing',
  'target-not-writable',
  'target-full',
  'restore-failed',
  'unsafe-path',
  'table-not-found',
]);
