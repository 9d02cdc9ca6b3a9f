import { setTimeout as delay } from 'node:timers/promises';

/** Downloads break off now and then: what fails is tried again, three times in all. Rejects with the last failure. */
export async function thrice<Result>(work: () => Promise<Result>): Promise<Result> {
  for (let tries = 1; ; tries += 1)
    try {
      return await work();
    } catch (error) {
      if (tries === 3) throw error;
      await delay(tries * 5000);
    }
}
