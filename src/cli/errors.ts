import { errorFamily } from '../base/errors.ts';

/** What can be wrong with a command line. docs/errors.md says what each means and what to do. */
export const cliError = errorFamily('cli', ['usage', 'no-vault', 'internal']);
