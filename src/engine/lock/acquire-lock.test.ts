import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { hasCode } from '../../base/errors.ts';
import { silentLogger, type Logger } from '../../base/log.ts';
import { MemoryStore, storeError, type ObjectInfo, type ObjectStore, type PutOptions } from '../../store/index.ts';
import { ManualClock } from '../testing/manual-clock.ts';
import { acquireLock, type AcquireLock } from './acquire-lock.ts';
import type { HeldLock } from './keep-lock.ts';
import { decodeLock, encodeLock, readLock, type LockDocument } from './lock-document.ts';
import { ownIdentity } from './process-identity.ts';

const key = 'locks/nightly.json';
const never = new AbortController().signal;

interface World {
  readonly clock: ManualClock;
  readonly store: ObjectStore;
  readonly warnings: string[];
  readonly take: (runId: string, more?: Partial<AcquireLock>) => Promise<HeldLock>;
  readonly seen: () => Promise<LockDocument | undefined>;
}

function world(make: (clock: ManualClock) => ObjectStore = (clock) => new MemoryStore(clock)): World {
  const clock = new ManualClock();
  const store = make(clock);
  const warnings: string[] = [];
  const logger: Logger = { ...silentLogger, warn: (message) => void warnings.push(message) };
  return {
    clock,
    store,
    warnings,
    take: (runId, more = {}) =>
      acquireLock(store, key, {
        holder: { host: 'host-a', pid: 4242, runId },
        expirySeconds: 120,
        clock,
        signal: never,
        logger,
        ...more,
      }),
    seen: async () => (await readLock(store, key, never))?.document,
  };
}

const isLocked = (error: unknown): boolean => hasCode(error, 'engine/locked');

/** A store whose puts and deletes can be made to fail. */
class PatchedStore extends MemoryStore {
  onPut: (key: string, options: PutOptions, put: (options: PutOptions) => Promise<ObjectInfo>) => Promise<ObjectInfo> =
    (_key, options, put) => put(options);
  override put(at: string, bytes: Uint8Array, options: PutOptions = {}): Promise<ObjectInfo> {
    return this.onPut(at, options, (changed) => super.put(at, bytes, changed));
  }
}

describe('a lock', () => {
  it('is one object that says who holds it, and is gone when it is released', async () => {
    const { take, seen, store } = world();
    const lock = await take('run-1');
    const document = await seen();
    assert.equal(document?.holder, 'run-1');
    assert.equal(document.host, 'host-a');
    assert.equal(document.pid, 4242);
    assert.equal(document.acquiredAt, '2026-01-01T00:00:00.000Z');
    assert.equal(document.expiresAt, '2026-01-01T00:02:00Z');
    assert.equal(lock.takeover, undefined);
    await lock.release();
    await lock.release();
    assert.deepEqual(await Array.fromAsync(store.list()), []);
    await (await take('run-2')).release();
  });

  it('is refused while someone has it, and the refusal names who, where and since when', async () => {
    const { take, clock } = world();
    const lock = await take('run-1');
    await clock.advance(42_000);
    await assert.rejects(take('run-2'), (error) => {
      assert.ok(hasCode(error, 'engine/locked'));
      assert.match(error.message, /run run-1 on host-a \(process 4242\) since 2026-01-01T00:00:00\.000Z/);
      assert.match(error.message, /last heard of 12 s ago/);
      assert.match(error.hint ?? '', /120 s after/);
      return true;
    });
    await lock.release();
  });

  it('goes to one of 16 who want it at once, 150 times', async () => {
    const { take, store } = world();
    for (let round = 0; round < 150; round += 1) {
      const results = await Promise.allSettled(Array.from({ length: 16 }, (_, n) => take(`run-${n}`)));
      const won = results.filter((result) => result.status === 'fulfilled');
      assert.equal(won.length, 1);
      assert.ok(results.every((result) => result.status === 'fulfilled' || isLocked(result.reason)));
      await won[0]!.value.release();
    }
    assert.deepEqual(await Array.fromAsync(store.list()), []);
  });

  it('is kept by refreshing it for as long as the run takes', async () => {
    const { take, clock, seen, warnings } = world();
    const lock = await take('run-1');
    for (let minute = 0; minute < 60; minute += 1) {
      await clock.advance(60_000);
      await assert.rejects(take('run-2'), isLocked);
    }
    assert.ok((await seen())!.beat > 100);
    assert.equal(lock.signal.aborted, false);
    assert.deepEqual(warnings, []);
    await lock.release();
  });

  it('is not taken before it expires, and then by one of 16, who says so', async () => {
    const { take, clock, store, warnings } = world();
    await store.put(key, encodeLock(foreign('dead-run', clock)));
    await clock.advance(120_000);
    await assert.rejects(take('early'), isLocked);
    await clock.advance(1000);
    const results = await Promise.allSettled(Array.from({ length: 16 }, (_, n) => take(`run-${n}`)));
    const [won, ...others] = results.filter((result) => result.status === 'fulfilled');
    assert.equal(others.length, 0);
    const { takeover } = won!.value;
    assert.equal(takeover?.reason, 'expired');
    assert.equal(takeover.from?.holder, 'dead-run');
    assert.equal(takeover.silentMs, 121_000);
    assert.equal(warnings.length, 1);
    assert.match(
      warnings[0]!,
      /Took over the lock locks\/nightly\.json of run dead-run on far-away.*expired.*121 s ago/,
    );
    await won!.value.release();
    assert.deepEqual(await Array.fromAsync(store.list()), []);
  });

  it("is judged by the store's clock, however wrong the holder's and ours are", async () => {
    const { take, store, clock } = world();
    await store.put(key, encodeLock({ ...foreign('behind', clock), refreshedAt: '1999-01-01T00:00:00Z' }));
    const ahead = new ManualClock();
    await ahead.advance(10 * 365 * 86_400_000);
    await assert.rejects(take('run-2', { clock: ahead }), isLocked);
  });

  it('is lost, and its run told to end, when it was frozen and another took it over', async () => {
    const { take, clock, store } = world();
    const frozenClock = new ManualClock();
    const frozen = await take('frozen', { clock: frozenClock });
    await clock.advance(200_000);
    const next = await take('next');
    assert.equal(frozen.signal.aborted, false);
    await frozenClock.freeze(200_000);
    assert.equal(frozen.signal.aborted, true);
    assert.ok(hasCode(frozen.signal.reason, 'engine/lock-lost'));
    assert.match(frozen.signal.reason.message, /taken over by run next/);
    await frozen.release();
    assert.equal((await readLock(store, key, never))?.document?.holder, 'next');
    await next.release();
  });

  it('is kept after a freeze when nobody took it', async () => {
    const { take, clock } = world();
    const lock = await take('run-1');
    await clock.freeze(500_000);
    await clock.advance(0);
    assert.equal(lock.signal.aborted, false);
    await assert.rejects(take('run-2'), isLocked);
    await lock.release();
  });

  it('is lost when someone deletes it', async () => {
    const { take, clock, store } = world();
    const lock = await take('run-1');
    await store.delete([key]);
    await clock.advance(30_000);
    assert.match((lock.signal.reason as Error).message, /was removed by someone/);
    await lock.release();
  });

  it('ends its run before it can expire when the store is silent, and not sooner', async () => {
    for (const fault of ['refuses', 'hangs'] as const) {
      const patched = new PatchedStore(new ManualClock());
      const { take, clock, warnings } = world(() => patched);
      const lock = await take('run-1');
      patched.onPut = (_key, { signal }) =>
        fault === 'refuses'
          ? Promise.reject(storeError('unreachable', { message: 'no route' }))
          : new Promise((_resolve, reject) => signal?.addEventListener('abort', () => reject(signal.reason as Error)));
      await clock.advance(104_000);
      assert.equal(lock.signal.aborted, false, fault);
      await clock.advance(15_000);
      assert.ok(hasCode(lock.signal.reason, 'engine/lock-lost'), fault);
      assert.match(lock.signal.reason.message, /could not be refreshed for 1\d\d s/);
      assert.ok(warnings.length > 0);
      await lock.release();
    }
  });

  it('survives a store that is silent for less than that', async () => {
    const patched = new PatchedStore(new ManualClock());
    const { take, clock } = world(() => patched);
    const lock = await take('run-1');
    const through = patched.onPut;
    patched.onPut = () => Promise.reject(storeError('unreachable', { message: 'no route' }));
    await clock.advance(90_000);
    patched.onPut = through;
    await clock.advance(600_000);
    assert.equal(lock.signal.aborted, false);
    await lock.release();
  });

  it('knows its own refresh again when the answer to it was lost', async () => {
    const patched = new PatchedStore(new ManualClock());
    const { take, clock, seen } = world(() => patched);
    const lock = await take('run-1');
    const through = patched.onPut;
    patched.onPut = async (_key, options, put) => {
      patched.onPut = through;
      await put(options);
      throw storeError('unreachable', { message: 'reset by peer' });
    };
    await clock.advance(60_000);
    assert.equal(lock.signal.aborted, false);
    assert.equal((await seen())?.holder, 'run-1');
    await lock.release();
    assert.equal(await seen(), undefined);
  });

  it('that can not be read is believed until it is as old as a lock gets', async () => {
    for (const garbage of ['', 'not JSON', '{}', '[1]', 'null', '{"formatVersion":2}', 'x'.repeat(100_000)]) {
      const { take, clock, store, warnings } = world();
      await store.put(key, Buffer.from(garbage));
      await assert.rejects(take('run-1'), isLocked);
      await clock.advance(121_000);
      const lock = await take('run-1');
      assert.equal(lock.takeover?.reason, 'unreadable');
      assert.match(warnings[0] ?? '', /not readable/);
      await lock.release();
    }
  });

  it('is taken over at once when its holder has demonstrably ended on this machine, and only then', async () => {
    const { take, clock, store } = world();
    const child = spawn('/bin/sleep', ['0']);
    const pid = child.pid!;
    await once(child, 'exit');
    const identity = (await ownIdentity())!;
    for (const [process, taken] of [
      [{ ...identity, startTicks: '1' }, true],
      [{ ...identity, startTicks: '1', bootId: 'another start' }, false],
      [{ ...identity, startTicks: '1', pidNamespace: 'pid:[1]' }, false],
      [undefined, false],
    ] as const) {
      const { process: _, ...document } = foreign('ended', clock);
      await store.put(key, encodeLock({ ...document, pid, ...(process ? { process } : {}) }));
      if (!taken) {
        await assert.rejects(take('run-1'), isLocked);
        continue;
      }
      const lock = await take('run-1');
      assert.equal(lock.takeover?.reason, 'holder-ended');
      await lock.release();
    }
    const alive = { ...foreign('alive', clock), pid: process.pid, process: identity };
    await store.put(key, encodeLock(alive));
    await assert.rejects(take('run-1'), isLocked);
    await store.put(key, encodeLock({ ...alive, process: { ...identity, startTicks: '1' } })); // its number was reused
    await (await take('run-1')).release();
  });

  it('leaves nothing behind when the run is interrupted while it is asked for', async () => {
    const { take, store } = world();
    await assert.rejects(take('run-1', { signal: AbortSignal.abort(new Error('stop')) }), /stop/);
    assert.deepEqual(await Array.fromAsync(store.list()), []);
  });
});

describe('a lock in a store without conditional writes', () => {
  const kinds: Record<string, PatchedStore['onPut']> = {
    'that refuses them': (_key, options, put) =>
      options.ifAbsent === undefined && options.ifMatch === undefined
        ? put(options)
        : Promise.reject(storeError('unsupported', { message: 'no conditions' })),
    'that ignores them': (_key, { ifAbsent: _a, ifMatch: _m, ...options }, put) => put(options),
    'that refuses even what fits': (at, options, put) =>
      options.ifMatch === undefined
        ? put(options)
        : Promise.reject(storeError('changed', { message: `${at} does not match` })),
  };
  for (const [kind, onPut] of Object.entries(kinds)) {
    const open = (clock: ManualClock): ObjectStore => {
      const store = new PatchedStore(clock);
      store.onPut = onPut;
      return store;
    };

    it(`${kind} still has one holder at a time, who keeps it`, async () => {
      const { take, clock, store } = world(open);
      const lock = await clock.until(take('run-1'));
      for (let n = 0; n < 10; n += 1) {
        await clock.until(assert.rejects(take('run-2'), isLocked));
        await clock.advance(60_000);
      }
      assert.equal(lock.signal.aborted, false);
      await lock.release();
      assert.deepEqual(await Array.fromAsync(store.list()), []);
    });

    it(`${kind} never goes to two of those who want it at once`, async () => {
      const { take, clock } = world(open);
      const results = await clock.until(Promise.allSettled(Array.from({ length: 4 }, (_, n) => take(`run-${n}`))));
      const won = results.filter((result) => result.status === 'fulfilled');
      assert.ok(won.length <= 1);
      assert.ok(results.every((result) => result.status === 'fulfilled' || isLocked(result.reason)));
      await Promise.all(won.map(({ value }) => value.release()));
      await (await clock.until(take('later'))).release();
    });

    it(`${kind} is taken over when it has expired, and its frozen holder notices`, async () => {
      const { take, clock, warnings } = world(open);
      const frozenClock = new ManualClock();
      const frozen = await frozenClock.until(take('frozen', { clock: frozenClock }));
      await clock.advance(200_000);
      const next = await clock.until(take('next'));
      assert.equal(next.takeover?.from?.holder, 'frozen');
      assert.equal(warnings.length, 1);
      await frozenClock.freeze(200_000);
      assert.ok(hasCode(frozen.signal.reason, 'engine/lock-lost'));
      await frozen.release();
      assert.equal(next.signal.aborted, false);
      await next.release();
    });
  }
});

/** The lock of a process on another machine, taken now. */
function foreign(holder: string, clock: ManualClock): LockDocument {
  const now = clock.now().toISOString();
  const times = { acquiredAt: now, refreshedAt: now, expiresAt: now };
  const document = { formatVersion: 1, holder, host: 'far-away', pid: 7, ...times, expirySeconds: 120 } as const;
  const bytes = encodeLock({ ...document, token: `token of ${holder}`, beat: 3 });
  return decodeLock(bytes)!;
}
