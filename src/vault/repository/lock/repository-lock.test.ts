import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { type Clock, systemClock } from '../../../base/clock.ts';
import { MiB } from '../../../base/bytes.ts';
import type { MemoryStore } from '../../../store/index.ts';
import { keysIn, newPoint, smallTree, writeTree } from '../../testing/vault-testing.ts';
import { sampleBytes, sampleFile, sampleRoot } from '../../testing/sample-entries.ts';
import { checkRepository } from '../check/check-repository.ts';
import { encodeLock } from '../format/lock-file.ts';
import type { Repository } from '../repository.ts';
import { listSnapshots } from '../snapshot/list-snapshots.ts';
import { KeptRepository } from '../testing/kept-repository.ts';
import { rewriteSnapshots } from '../upkeep/snapshots/rewrite-snapshots.ts';
import { lockRepository, type RepositoryLock } from './repository-lock.ts';

const { signal } = new AbortController();
const minutes = 60_000;
const kept = new KeptRepository();

const locksIn = async (store: MemoryStore): Promise<string[]> =>
  (await keysIn(store)).filter((key) => key.startsWith('locks/'));

/** A clock that is moved by hand; who sleeps for long is not woken. */
class MovedClock implements Clock {
  wallMs = systemClock.now().getTime();
  ownMs = 0;
  now = (): Date => new Date(this.wallMs);
  monotonicMs = (): number => this.ownMs;
  sleep = (ms: number, abort?: AbortSignal): Promise<void> => systemClock.sleep(ms <= 200 ? 0 : 2 ** 31 - 1, abort);
}

before(async () => {
  await writeTree(kept.vault, newPoint(), { entries: smallTree(1) });
});

async function locked(): Promise<{
  store: MemoryStore;
  clock: MovedClock;
  repository: Repository;
  lock: RepositoryLock;
}> {
  const store = await kept.copy();
  const clock = new MovedClock();
  const repository = await kept.open(store, clock);
  const lock = await lockRepository(repository, { exclusive: false, host: 'here', user: 'kim', signal });
  return { store, clock, repository, lock };
}

describe('a lock', () => {
  it('is lost when somebody has removed it, and what relies on it hears of it', async () => {
    const { store, repository, lock } = await locked();
    await lock.assertHeld();
    await store.delete(await locksIn(store));
    const before = await keysIn(store);
    await assert.rejects(repository.saveFile('snapshots', '{}'), { code: 'vault/lock-lost' });
    assert.equal((lock.signal.reason as { code?: string }).code, 'vault/lock-lost');
    assert.deepEqual(await keysIn(store), before);
    await lock.release();
    await repository.assertLocksHeld();
  });

  for (const [how, ownMs] of [
    ['frozen', 40 * minutes],
    ['asleep with its machine', 0],
  ] as const) {
    it(`that nobody took for dead is written anew by a program that was ${how}`, async () => {
      const { store, clock, lock } = await locked();
      const old = await locksIn(store);
      clock.wallMs += 40 * minutes;
      clock.ownMs += ownMs;
      await lock.assertHeld();
      const now = await locksIn(store);
      assert.equal(now.length, 1);
      assert.notDeepEqual(now, old);
      assert.equal(lock.signal.aborted, false);
      await lock.release();
      assert.deepEqual(await locksIn(store), []);
    });

    it(`is lost where another one excludes a program that was ${how}`, async () => {
      const { store, clock, repository, lock } = await locked();
      clock.wallMs += 40 * minutes;
      clock.ownMs += ownMs;
      const timeNs = BigInt(clock.wallMs) * 1_000_000n;
      const other = { timeNs, exclusive: true, hostname: 'elsewhere', username: 'eve', pid: 1, uid: 0, gid: 0 };
      const id = await repository.saveFile('locks', encodeLock(other));
      await assert.rejects(repository.assertLocksHeld(), { code: 'vault/lock-lost' });
      await lock.release();
      assert.deepEqual(await locksIn(store), [`locks/${id}`]);
    });
  }
});

describe('whoever lost the lock while at work', () => {
  it('makes no restore point of what others may have pruned, and no index of it', async () => {
    const store = await kept.copy();
    const before = await keysIn(store);
    const open = async function* (): AsyncGenerator<Uint8Array> {
      while (!(await keysIn(store)).some((key) => key.startsWith('data/') && !before.includes(key)))
        await systemClock.sleep(1);
      await store.delete((await keysIn(store)).filter((key) => !before.includes(key)));
      yield sampleBytes(1000, 9);
    };
    const entries = [
      sampleRoot,
      sampleFile('a', sampleBytes(9 * MiB, 3)),
      { ...sampleFile('b', sampleBytes(1000, 9)), open },
    ];
    await assert.rejects(writeTree(kept.vaultIn(store), newPoint(), { entries }), { code: 'vault/lock-lost' });
    const { findings } = await checkRepository(await kept.open(store), { readData: true, signal });
    assert.deepEqual(findings, []);
    assert.deepEqual(
      (await keysIn(store)).filter((key) => !key.startsWith('data/')),
      before.filter((key) => !key.startsWith('data/')),
    );
  });

  it('deletes no snapshot', async () => {
    const store = await kept.copy();
    const repository = await kept.open(store);
    const before = await keysIn(store);
    const snapshots = await listSnapshots(repository, { signal });
    const get = store.get.bind(store);
    store.get = async function* (key, options) {
      await store.delete(await locksIn(store));
      yield* get(key, options);
    };
    const options = { newHost: 'other', forget: true, dryRun: false, signal };
    await assert.rejects(rewriteSnapshots(repository, snapshots, options), { code: 'vault/lock-lost' });
    assert.deepEqual(await keysIn(store), before);
  });
});
