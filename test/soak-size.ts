/**
 * How much a test does, and with which random numbers. `npm test` uses a small size and a fixed seed; `npm run soak` a
 * big size and a seed of its own, which is printed when the file fails, so that the failure can be had again.
 */

/** Multiply the number of rounds, kills or files by this. */
export const soakFactor = process.env['HOLDFAST_SOAK'] === '1' ? 20 : 1;

/** For every generator of random data of the test, fast-check's included. */
export const seed = Number(process.env['HOLDFAST_SEED'] ?? 20_260_301);

if (!Number.isSafeInteger(seed)) throw new RangeError(`HOLDFAST_SEED is no integer: ${process.env['HOLDFAST_SEED']}`);

process.once('exit', (status) => {
  if (status !== 0) console.error(`To repeat this: HOLDFAST_SEED=${seed}`);
});
