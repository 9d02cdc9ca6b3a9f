/** The overlap lock on a real S3 server and a real disk, between processes that are killed and frozen. */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { systemClock } from '../../src/base/clock.ts';
import { hasCode } from '../../src/base/errors.ts';
import { silentLogger } from '../../src/base/log.ts';
import { acquireLock, type HeldLock } from '../../src/engine/index.ts';
import { takeoverText } from '../../src/engine/lock/acquire-lock.ts';
import { readLock } from '../../src/engine/lock/lock-document.ts';
import { openStore, type ObjectStore, type StoreSpec } from '../../src/store/index.ts';
import { sharedS3Server } from '../servers/s3.ts';
import { s3Spec } from '../store/s3-spec.ts';

const server = await sharedS3Server();
const folder = await mkdtemp(join(tmpdir(), 'holdfast-lock-'));
after(async () => {
  for (const holder of holders) holder.kill('SIGKILL');
  await rm(folder, { recursive: true });
  await server.stop();
});

const key = 'locks/nightly.json';
const never = new AbortController().signal;
/** A holder that a busy machine holds up for less keeps its lock. */
const expirySeconds = 10;

const isLocked = (error: unknown): boolean => hasCode(error, 'engine/locked');

function take(store: ObjectStore, runId: string, expiry = expirySeconds): Promise<HeldLock> {
  return acquireLock(store, key, {
    holder: { host: 'parent', pid: process.pid, runId },
    expirySeconds: expiry,
    clock: systemClock,
    signal: never,
    logger: silentLogger,
  });
}

/** Takes the lock as soon as it can be had; what is refused until then must be refused because it is held. */
async function takeWhenFree(store: ObjectStore, runId: string): Promise<HeldLock> {
  for (;;) {
    try {
      return await take(store, runId);
    } catch (error) {
      if (!isLocked(error)) throw error;
      await systemClock.sleep(100);
    }
  }
}

interface Holder {
  readonly process: ChildProcess;
  /** The next line that it says. */
  readonly says: () => Promise<string>;
}

const holders: ChildProcess[] = [];

/** One that is `farAway` gives a process number that is not its own: nobody on this machine sees that it has ended. */
function startHolder(spec: StoreSpec, runId: string, { farAway = false } = {}): Holder {
  const script = fileURLToPath(new URL('lock-child.ts', import.meta.url));
  const settings = { STORE_SPEC: JSON.stringify(spec), LOCK_EXPIRY: String(expirySeconds) };
  const env = { ...process.env, ...settings, ...(farAway ? { LOCK_PID: '1' } : {}) };
  const child = spawn(process.execPath, [script, key, runId], { env, stdio: ['pipe', 'pipe', 'inherit'] });
  holders.push(child);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return { process: child, says: async () => String((await lines.next()).value) };
}

const stores: Record<string, () => Promise<StoreSpec>> = {
  'an S3 server': async () => s3Spec(server, await server.createBucket(), { prefix: 'some/prefix' }),
  'a disk': async () => ({ type: 'local', path: await mkdtemp(join(folder, 'store-')) }),
};

for (const [place, makeSpec] of Object.entries(stores)) {
  describe(`the lock on ${place}`, { concurrency: true }, () => {
    it('goes to one of 16, again and again, and leaves nothing', async () => {
      const store = await openStore(await makeSpec(), { clock: systemClock, logger: silentLogger });
      for (let round = 0; round < 10; round += 1) {
        const results = await Promise.allSettled(Array.from({ length: 16 }, (_, n) => take(store, `run-${n}`, 60)));
        const won = results.filter((result) => result.status === 'fulfilled');
        const lost = results.filter((result) => result.status === 'rejected');
        assert.equal(won.length, 1);
        for (const { reason } of lost) assert.ok(isLocked(reason), String(reason));
        await won[0]!.value.release();
      }
      assert.deepEqual(await Array.fromAsync(store.list()), []);
      await store.close();
    });

    it('is refreshed past its expiry, and free once it is released', async () => {
      const spec = await makeSpec();
      const holder = startHolder(spec, 'other-run');
      assert.equal(await holder.says(), 'held');
      const store = await openStore(spec, { clock: systemClock, logger: silentLogger });
      for (let n = 0; n < 2 * expirySeconds; n += 1) {
        await assert.rejects(take(store, 'mine'), /held by run other-run on child/);
        await systemClock.sleep(1000);
      }
      const exit = once(holder.process, 'exit');
      holder.process.stdin?.write('release\n');
      await exit;
      await (await take(store, 'mine')).release();
      await store.close();
    });

    it('of a holder killed with -9 far away is taken over after the expiry, and that is told', async () => {
      const spec = await makeSpec();
      const holder = startHolder(spec, 'killed-run', { farAway: true });
      assert.equal(await holder.says(), 'held');
      const exit = once(holder.process, 'exit');
      holder.process.kill('SIGKILL');
      await exit;
      const store = await openStore(spec, { clock: systemClock, logger: silentLogger });
      await assert.rejects(take(store, 'mine'), isLocked);
      const lock = await takeWhenFree(store, 'mine');
      assert.equal(lock.takeover?.reason, 'expired');
      assert.ok(lock.takeover.silentMs >= expirySeconds * 1000);
      assert.match(takeoverText(key, lock.takeover), /of run killed-run on child .*which has expired/);
      await lock.release();
      await store.close();
    });

    it('of a holder killed with -9 on this machine is taken over at once', async () => {
      const spec = await makeSpec();
      const holder = startHolder(spec, 'killed-run');
      assert.equal(await holder.says(), 'held');
      const exit = once(holder.process, 'exit');
      holder.process.kill('SIGKILL');
      await exit;
      const store = await openStore(spec, { clock: systemClock, logger: silentLogger });
      const lock = await take(store, 'mine');
      assert.equal(lock.takeover?.reason, 'holder-ended');
      await lock.release();
      await store.close();
    });

    it('is known to be lost by a frozen holder that wakes after a takeover, and he leaves it alone', async () => {
      const spec = await makeSpec();
      const holder = startHolder(spec, 'frozen-run');
      assert.equal(await holder.says(), 'held');
      holder.process.kill('SIGSTOP');
      const store = await openStore(spec, { clock: systemClock, logger: silentLogger });
      const lock = await takeWhenFree(store, 'mine');
      assert.equal(lock.takeover?.from?.holder, 'frozen-run');
      const exit = once(holder.process, 'exit');
      holder.process.kill('SIGCONT');
      assert.match(await holder.says(), /^lost .*taken over by run mine/);
      holder.process.stdin?.write('release\n');
      await exit;
      assert.equal((await readLock(store, key, never))?.document?.holder, 'mine');
      await lock.release();
      await store.close();
    });
  });
}
