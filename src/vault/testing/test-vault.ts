import assert from 'node:assert/strict';
import { hash, randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';

import { type Clock, systemClock } from '../../base/clock.ts';
import type { Problem } from '../../source/index.ts';
import { MemoryStore, type ObjectStore } from '../../store/index.ts';
import { type FaultyMethod, FaultyStore } from '../../store/testing/faulty-store.ts';
import type { RestorePoint, Vault } from '../vault.ts';
import { describeDamage } from './damage-promises.ts';
import { keep, keptByChunk, readBack, sampleBytes, sampleFile, sampleRoot, sampleTree } from './sample-entries.ts';
import {
  assertSound,
  bytesOf,
  type Fresh,
  keysIn,
  newPoint,
  type OpenTestVault,
  smallTree,
  sourceNamed,
  type VaultKind,
  writeTree,
} from './vault-testing.ts';

const never = new AbortController().signal;

/** Each run writes objects of its own. */
const artefacts: VaultKind = { calls: ['put', 'startUpload', 'putPart', 'complete', 'head', 'delete'] };

/** The conformance suite: what Vault promises, checked on one kind over a memory store. */
export function testVault(name: string, open: OpenTestVault, kind: VaultKind = artefacts): void {
  const fresh = (): { store: MemoryStore; vault: Vault } => {
    const store = new MemoryStore(systemClock);
    return { store, vault: open(store, systemClock) };
  };
  describe(`${name} keeps the promises of a vault`, () => {
    describeRoundTrips(fresh, kind);
    describeFailures(fresh, kind);
    if (!kind.mirrors) describeSeparateRuns(fresh, { open, kind });
    describeListing(fresh, kind);
    describeDamage(fresh, { open, kind });
    describeClearing(fresh, { open, kind });
  });
}

function describeRoundTrips(fresh: Fresh, { holes }: VaultKind): void {
  it('gives back a tree with every kind of entry as it was', async () => {
    const { vault } = fresh();
    const point = await writeTree(vault);
    const expected = await Promise.all(sampleTree().map(keep));
    assert.deepEqual(await readBack(vault, point), holes === 'by chunk' ? expected.map(keptByChunk) : expected);
    assert.deepEqual(await vault.verify(point, { readData: true, signal: never }), []);
    assert.deepEqual(await vault.verify(point, { readData: false, signal: never }), []);
  });

  for (const sizeBytes of [0, 1, 100_000, 9_000_000]) {
    it(`gives back one file of ${sizeBytes} bytes whose size nobody announced`, async () => {
      const { vault } = fresh();
      const { sizeBytes: _, ...entry } = sampleFile('my db.sql', sampleBytes(sizeBytes));
      const source = { type: 'command', name: 'my db', shape: 'file', paths: [] } as const;
      const point = await writeTree(vault, newPoint({ source }), { entries: [entry] });
      // Who owned a dump is of no use where it is restored: it may be kept or not.
      const [found, ...more] = await readBack(vault, point);
      const { user: _user, group: _group, ...expected } = await keep(sampleFile('my db.sql', sampleBytes(sizeBytes)));
      const { user: _owner, group: _ownerGroup, ...kept } = found ?? assert.fail('nothing was kept');
      assert.deepEqual([kept, ...more], [expected]);
      assert.equal(point.sizeBytes, sizeBytes);
      assert.equal(point.files, 1);
    });
  }

  it('names the pieces of all contents by their hashes, where it says that it can', async () => {
    const { vault } = fresh();
    const point = await writeTree(vault);
    if (!vault.readPieces) return;
    const expected = await readBack(vault, point);
    const pieced = await Array.fromAsync(vault.readPieces(point, never));
    assert.equal(pieced.length, expected.length);
    for (const [at, { entry, pieces }] of pieced.entries()) {
      const { path, content } = expected[at] ?? assert.fail('it gave more than was read');
      assert.deepEqual(entry.path, path);
      assert.equal(pieces !== undefined, content !== undefined);
      let rest = Buffer.from(content ?? '', 'latin1');
      for (const { sizeBytes, sha256 } of pieces ?? []) {
        assert.equal(hash('sha256', rest.subarray(0, sizeBytes)), sha256);
        rest = rest.subarray(sizeBytes);
      }
      assert.equal(rest.length, 0);
    }
  });

  it('lets content that is not wanted be passed over', async () => {
    const { vault } = fresh();
    const point = await writeTree(vault);
    const paths: string[] = [];
    for await (const entry of vault.read(point, never)) paths.push(entry.path.toString('latin1'));
    assert.deepEqual(
      paths,
      sampleTree().map(({ path }) => path.toString('latin1')),
    );
  });

  it('tells of a restore point in list what write returned', async () => {
    const { vault } = fresh();
    const problems: Problem[] = [{ path: 'x', kind: 'unreadable', message: 'permission denied' }];
    const written = await writeTree(vault, newPoint(), { problems });
    assert.deepEqual(await vault.list({ signal: never }), [written]);
    assert.equal(written.status, 'partial');
    assert.deepEqual(written.problems, problems);
    assert.match(written.id, /^[0-9a-f]{16,}$/);
  });

  it('keeps a restore point whose problems are harmless as a whole one', async () => {
    const { vault } = fresh();
    const problems: Problem[] = [{ path: 'x', kind: 'grew', message: 'it grew' }];
    assert.equal((await writeTree(vault, newPoint(), { problems })).status, 'ok');
  });
}

function describeFailures(fresh: Fresh, kind: VaultKind): void {
  const assertNothing = async (store: ObjectStore, vault: Vault): Promise<void> => {
    assert.deepEqual(await vault.list({ signal: never }), []);
    assert.deepEqual(forbidden(await keysIn(store), kind), []);
  };

  it('leaves nothing when the filling throws', async () => {
    const { store, vault } = fresh();
    const failing = vault.write(
      newPoint(),
      async (writer) => {
        for (const entry of sampleTree()) await writer.add(entry);
        throw new Error('the source broke');
      },
      never,
    );
    await assert.rejects(failing, /the source broke/);
    await assertNothing(store, vault);
  });

  it('leaves nothing when a content breaks off, even when the filling takes no notice', async () => {
    const { store, vault } = fresh();
    const broken = sampleFile('f', sampleBytes(200_000), {
      async *open() {
        yield sampleBytes(100_000);
        throw new Error('read error');
      },
    });
    const failing = vault.write(
      newPoint(),
      async (writer) => {
        await writer.add(sampleRoot);
        await Promise.resolve(writer.add(broken)).catch(() => {});
        return { details: {}, problems: [] };
      },
      never,
    );
    await assert.rejects(failing, /read error/);
    await assertNothing(store, vault);
  });

  for (const actual of [0, 99, 101]) {
    it(`refuses a content of ${actual} bytes that was announced with 100`, async () => {
      const { store, vault } = fresh();
      const liar = sampleFile('f', sampleBytes(actual), { sizeBytes: 100 });
      await assert.rejects(writeTree(vault, newPoint(), { entries: [sampleRoot, liar] }), { code: 'vault/wrong-size' });
      await assertNothing(store, vault);
    });
  }

  it('leaves nothing when it is aborted, and says why', async () => {
    const { store, vault } = fresh();
    const controller = new AbortController();
    const stopping = sampleFile('g', sampleBytes(100), {
      async *open() {
        controller.abort(new Error('stopped by hand'));
        yield sampleBytes(100);
      },
    });
    const entries = [sampleRoot, sampleFile('f', sampleBytes(3_000_000)), stopping];
    await assert.rejects(writeTree(vault, newPoint(), { entries, signal: controller.signal }), /stopped by hand/);
    await assertNothing(store, vault);
  });
}

/** A kind that is tested, and how it is opened. */
interface Tested {
  readonly open: OpenTestVault;
  readonly kind: VaultKind;
}

/** Where each run makes a restore point of its own. */
function describeSeparateRuns(fresh: Fresh, { open, kind }: Tested): void {
  it('keeps what two writers write at once apart', async () => {
    const { vault } = fresh();
    const points = await Promise.all([1, 2].map((seed) => writeTree(vault, newPoint(), { entries: smallTree(seed) })));
    assert.equal((await assertSound(vault)).length, 2);
    assert.notEqual(points[0]?.id, points[1]?.id);
  });

  for (const method of kind.calls) {
    for (const after of reading.has(method) ? [false] : [false, true]) {
      it(`leaves a sound restore point or none when any ${method} fails${after ? ' after it was done' : ''}`, async () => {
        await failEachCall({ open, kind, method, after });
      });
    }
  }

  if (kind.deduplicates) return; // what was stored for one restore point is no rubbish where the next may need it

  it('never completes a restore point whose artefact a sweep has taken', async () => {
    const { store, vault } = fresh();
    const writing = vault.write(
      newPoint(),
      async (writer) => {
        for (const entry of smallTree(1)) await writer.add(entry);
        await open(store, systemClock).sweep(later(), never);
        return { details: {}, problems: [] };
      },
      never,
    );
    await assert.rejects(writing, { code: 'vault/missing-object' });
    assert.deepEqual(await keysIn(store), []);
  });
}

/** Methods of which nothing is done when they fail. */
const reading: ReadonlySet<FaultyMethod> = new Set(['get', 'list', 'head']);

interface FailingMethod extends Tested {
  readonly method: FaultyMethod;
  readonly after: boolean;
}

/** Lets the first call of a method fail, then the second, until a run has no such call any more. */
async function failEachCall({ open, kind, method, after }: FailingMethod): Promise<void> {
  // Noise stays as long as it is, so that it makes more than one part of an upload.
  const entries = [sampleRoot, sampleFile('f', randomBytes(kind.deduplicates ? 300_000 : 9_000_000))];
  for (let nth = 0; ; nth += 1) {
    const memory = new MemoryStore(systemClock);
    const faulty = new FaultyStore(memory);
    const letPass = Array.from({ length: nth }, () => ({ error: null }));
    faulty.fail(method, ...letPass, { after });
    const vault = open(faulty, systemClock);
    const [result] = await Promise.allSettled([writeTree(vault, newPoint(), { entries })]);
    const sound = await assertSound(open(memory, systemClock));
    if (result.status === 'fulfilled') assert.equal(sound.length, 1, 'what was said to be written is there');
    // A failure must not stand in the way of the next run, nor leave bytes that no sweep finds.
    const survivors = new Set(sound.flatMap(({ keys }) => keys));
    await open(memory, systemClock).sweep(new Date(Date.now() + 60_000), never);
    const left = (await keysIn(memory)).filter((key) => !survivors.has(key));
    assert.deepEqual(forbidden(left, kind, abandonedLock), []);
    const again = open(memory, systemClock);
    await writeTree(again, newPoint({ source: sourceNamed('again') }), { entries });
    assert.equal((await assertSound(again)).length, sound.length + 1, 'the next run is not held up');
    const calls = faulty.calls.get(method) ?? 0;
    assert.ok(calls > 0, `no ${method} happens at all`);
    if (calls <= nth) return;
  }
}

function describeListing(fresh: Fresh, kind: VaultKind): void {
  it('lists nothing in an empty store', async () => {
    assert.deepEqual(await fresh().vault.list({ signal: never }), []);
  });

  it('lists the oldest first', async () => {
    const { vault } = fresh();
    for (const day of ['03', '01', '02']) {
      const startedAt = new Date(`2026-03-${day}T00:00:00Z`);
      const job = `job-${9 - Number(day)}`;
      await writeTree(vault, newPoint({ startedAt, job, source: sourceNamed(day) }), { entries: smallTree(1) });
    }
    const days = (await vault.list({ signal: never })).map(({ startedAt }) => startedAt.getUTCDate());
    assert.deepEqual(days, [1, 2, 3]);
  });

  it('forgets what it is told to, with all its objects, and nothing else', async () => {
    const { store, vault } = fresh();
    const first = await writeTree(vault, newPoint(), { entries: smallTree(1) });
    await store.put('somebody/elses.txt', Buffer.from('x'));
    const before = await keysIn(store);
    const second = await writeTree(vault, newPoint({ source: sourceNamed('two') }), { entries: smallTree(2) });
    const own = (await keysIn(store)).filter((key) => !before.includes(key));
    await vault.forget([first], never);
    assert.deepEqual(await vault.list({ signal: never }), [second]);
    const left = await keysIn(store);
    for (const key of [...own, 'somebody/elses.txt']) assert.ok(left.includes(key), key);
    const others = left.filter((key) => !own.includes(key) && key !== 'somebody/elses.txt');
    assert.deepEqual(forbidden(others, kind), []);
    assert.deepEqual(
      first.keys.filter((key) => left.some((one) => one.startsWith(key))),
      [],
    );
    await assertSound(vault);
  });

  it('tells of what it can not read instead of leaving it out', async () => {
    const { store, vault } = fresh();
    const point = await writeTree(vault, newPoint(), { entries: smallTree(1) });
    const sound = await writeTree(vault, newPoint({ source: sourceNamed('two') }), { entries: smallTree(2) });
    const manifestKey = manifestOf(point);
    const bytes = await bytesOf(store, manifestKey);
    await store.put(manifestKey, bytes.subarray(0, bytes.length / 2));
    const told: string[] = [];
    assert.deepEqual(await vault.list({ signal: never, onUnreadable: (key) => told.push(key) }), [sound]);
    assert.deepEqual(told, [manifestKey]);
    await assert.rejects(vault.list({ signal: never }), { code: 'vault/bad-manifest' });
  });
}

/** The keys that must not be there when no restore point is. */
const forbidden = (keys: readonly string[], { leaves }: VaultKind, ...also: readonly RegExp[]): string[] =>
  keys.filter((key) => ![leaves, ...also].some((pattern) => pattern?.test(key)));

/** Whoever could not remove its lock leaves it: it becomes stale. */
const abandonedLock = /^locks\//;

const manifestOf = ({ keys }: RestorePoint): string =>
  keys.find((key) => key.endsWith('.manifest.json') || key.startsWith('snapshots/')) ?? '';

const anHourLater: Clock = { ...systemClock, now: () => later() };

const later = (): Date => new Date(Date.now() + 3_600_000);

function describeClearing(fresh: Fresh, { open, kind }: Tested): void {
  it('sweeps nothing that is finished, and nothing that is not its own', async () => {
    const { store, vault } = fresh();
    await writeTree(vault, newPoint(), { entries: smallTree(2) });
    await store.put('notes.txt', Buffer.from('x'));
    await store.put('old.tar.gz', Buffer.from('x'));
    await store.put('old.tar.gz.pending.json', Buffer.from('{"by":"somebody else"}'));
    await writeTree(vault, newPoint(), { entries: smallTree(1) });
    const before = await keysIn(store);
    assert.equal(await vault.sweep(later(), never), 0);
    assert.deepEqual(await keysIn(store), before);
    await assertSound(vault);
  });

  it('leaves nothing that a sweep does not find when forgetting breaks off', async () => {
    for (let nth = 0, calls = Infinity; nth < calls; nth += 1) {
      const { store, vault } = fresh();
      const point = await writeTree(vault, newPoint(), { entries: smallTree(1) });
      const faulty = new FaultyStore(store);
      faulty.fail('delete', ...Array.from({ length: nth }, () => ({ error: null })), {});
      const [result] = await Promise.allSettled([open(faulty, systemClock).forget([point], never)]);
      if (result.status === 'rejected') assert.equal((result.reason as { code?: string }).code, 'store/unavailable');
      faulty.assertAllUsed();
      const before = await keysIn(store);
      const sound = await assertSound(open(store, systemClock));
      // Where forgetting came to its end, it was no more than a lock of its own that it could not remove.
      assert.equal(result.status === 'fulfilled' && !kind.deduplicates, false);
      await vault.sweep(later(), never);
      if (sound.length === 0) assert.deepEqual(forbidden(await keysIn(store), kind, abandonedLock), []);
      else assert.ok((await keysIn(store)).every((key) => before.includes(key)));
      await open(store, anHourLater).forget(sound, never);
      assert.deepEqual(forbidden(await keysIn(store), kind, abandonedLock), []);
      assert.deepEqual(await vault.list({ signal: never }), []);
      calls = faulty.calls.get('delete') ?? 0;
    }
  });
}
