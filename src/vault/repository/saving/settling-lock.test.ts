import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MiB } from '../../../base/bytes.ts';
import { type Clock, systemClock } from '../../../base/clock.ts';
import { hasCode } from '../../../base/errors.ts';
import { silentLogger } from '../../../base/log.ts';
import type { MemoryStore, ObjectStore, Upload } from '../../../store/index.ts';
import { sampleFile, sampleRoot } from '../../testing/sample-entries.ts';
import { keysIn, newPoint, writeTree } from '../../testing/vault-testing.ts';
import { encodeLock } from '../format/lock-file.ts';
import { RepositoryVault } from '../index.ts';
import { KeptRepository } from '../testing/kept-repository.ts';
import { randomStream } from '../testing/sample-stream.ts';

const { signal } = new AbortController();
const kept = new KeptRepository();
const entries = [sampleRoot, sampleFile('large', randomStream(1, 14 * MiB))];

/** A copy of a repository into which a backup is being written, under a lock that settles when `settle` is called. */
async function settlingBackup() {
  await kept.vault.open(signal, true);
  const store = await kept.copy();
  const settled = Promise.withResolvers<void>();
  const clock: Clock = {
    ...systemClock,
    monotonicMs: () => 0, // however slow the machine is
    sleep: (ms, abort) => (ms === 200 ? settled.promise : systemClock.sleep(ms, abort)),
  };
  const sent = Promise.withResolvers<void>();
  const uploads = { started: 0, aborted: 0 };
  const vault = new RepositoryVault(
    { type: 'repository', password: 'correct horse', packSizeMiB: 4 },
    { name: 'test', store: watchUploads(store, uploads, sent.resolve), clock, logger: silentLogger },
  );
  const written = writeTree(vault, newPoint(), { entries });
  written.catch(() => {});
  await sent.promise;
  return { store, vault, uploads, written, settle: settled.resolve };
}

function watchUploads(
  store: MemoryStore,
  uploads: { started: number; aborted: number },
  onSent: () => void,
): ObjectStore {
  const watched = <Started extends Pick<Upload, 'abort'>>(upload: Started): Started => {
    uploads.started += 1;
    onSent();
    const abort = async (): Promise<void> => {
      uploads.aborted += 1;
      await upload.abort();
    };
    return { ...upload, abort };
  };
  return Object.assign(Object.create(store) as MemoryStore, {
    startUpload: async (...args: Parameters<MemoryStore['startUpload']>) => watched(await store.startUpload(...args)),
    startUnnamed: async (...args: Parameters<MemoryStore['startUnnamed']>) =>
      watched(await store.startUnnamed(...args)),
  });
}

describe('while the lock of a backup settles', () => {
  it('packs are sent, but nothing except the lock is to be seen', async () => {
    const { store, vault, written, settle } = await settlingBackup();
    const folders = new Set((await keysIn(store)).map((key) => key.split('/')[0]));
    assert.deepEqual(folders, new Set(['config', 'keys', 'locks']));
    settle();
    const point = await written;
    assert.deepEqual(await vault.verify(point, { readData: true, signal }), []);
    await vault.close();
  });

  it("another's exclusive lock ends it, and leaves nothing of it", async () => {
    const { store, vault, uploads, written, settle } = await settlingBackup();
    const before = (await keysIn(store)).filter((key) => !key.startsWith('locks/'));
    const repository = await kept.open(store);
    const nowMs = systemClock.now().getTime();
    const other = { hostname: 'elsewhere', username: 'other', pid: 1, uid: 0, gid: 0 };
    const id = await repository.saveFile(
      'locks',
      encodeLock({ ...other, timeNs: BigInt(nowMs) * 1_000_000n, exclusive: true }),
    );
    settle();
    await assert.rejects(written, (error) => hasCode(error, 'vault/locked'));
    assert.deepEqual(new Set(await keysIn(store)), new Set([...before, `locks/${id}`]));
    assert.equal(uploads.aborted, uploads.started);
    await vault.close();
  });
});
