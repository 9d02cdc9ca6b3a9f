import { join } from 'node:path';

/** How the benchmarks call the program: as a user of the checkout does. */
export const holdfast = `${process.execPath} ${join(import.meta.dirname, '..', 'bin', 'holdfast.js')}`;
