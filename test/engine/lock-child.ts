/** A holder of a lock in a process of its own. Takes STORE_SPEC, LOCK_EXPIRY; says "held", "locked" or "lost". */
import { systemClock } from '../../src/base/clock.ts';
import { hasCode } from '../../src/base/errors.ts';
import { silentLogger } from '../../src/base/log.ts';
import { acquireLock } from '../../src/engine/index.ts';
import { openStore, type StoreSpec } from '../../src/store/index.ts';

const [key, runId] = process.argv.slice(2) as [string, string];
const spec = JSON.parse(process.env['STORE_SPEC']!) as StoreSpec;
const store = await openStore(spec, { clock: systemClock, logger: silentLogger });
try {
  const lock = await acquireLock(store, key, {
    holder: { host: 'child', pid: Number(process.env['LOCK_PID'] ?? process.pid), runId },
    expirySeconds: Number(process.env['LOCK_EXPIRY']),
    clock: systemClock,
    signal: new AbortController().signal,
    logger: silentLogger,
  });
  lock.signal.addEventListener('abort', () => console.log(`lost ${(lock.signal.reason as Error).message}`));
  console.log('held');
  process.stdin.once('data', () => void lock.release().then(() => process.exit(0)));
} catch (error) {
  if (!hasCode(error, 'engine/locked')) throw error;
  console.log(`locked ${error.message}`);
  await store.close();
}
