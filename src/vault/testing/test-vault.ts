import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { describe, it } from 'node:test';

import { type Clock, systemClock } from '../../base/clock.ts';
import { hasCode } from '../../base/errors.ts';
import type { Problem, SourceEntry } from '../../source/index.ts';
import { MemoryStore, type ObjectStore } from '../../store/index.ts';
import { type FaultyMethod, FaultyStore } from '../../store/testing/faulty-store.ts';
import type { NewRestorePoint, RestorePoint, Vault } from '../vault.ts';
import { keep, readBack, sampleBytes, sampleFile, sampleRoot, sampleTree } from './sample-entries.ts';

const never = new AbortController().signal;

/** Opens a vault of the kind that is tested over a store. */
export type OpenTestVault = (store: ObjectStore, clock: Clock) => Vault;

export const newPoint = (more: Partial<NewRestorePoint> = {}): NewRestorePoint => ({
  job: 'nightly',
  runId: randomUUID(),
  startedAt: new Date('2026-03-01T02:03:04.567Z'),
  source: { type: 'directory', name: 'data', shape: 'tree', paths: ['/srv/data'] },
  host: 'host-1',
  tags: ['a', 'b'],
  ...more,
});

export function writeTree(
  vault: Vault,
  point = newPoint(),
  { entries = sampleTree(), problems = [] as Problem[], signal = never } = {},
): Promise<RestorePoint> {
  return vault.write(
    point,
    async (writer) => {
      for (const entry of entries) await writer.add(entry);
      return { details: { notes: ['a note'], rowCounts: { 'public."T"': 3 } }, problems };
    },
    signal,
  );
}

const smallTree = (seed: number): SourceEntry[] => [sampleRoot, sampleFile('f', sampleBytes(300_000, seed))];

const keysIn = async (store: ObjectStore): Promise<string[]> =>
  (await Array.fromAsync(store.list())).map(({ key }) => key);

const bytesOf = async (store: ObjectStore, key: string): Promise<Buffer> =>
  Buffer.concat(await Array.fromAsync(store.get(key)));

/** Asserts that each restore point that is listed is sound: it reads to its end and verifies without a finding. */
export async function assertSound(vault: Vault): Promise<RestorePoint[]> {
  const points = await vault.list({ signal: never });
  for (const point of points) {
    await readBack(vault, point);
    assert.deepEqual(await vault.verify(point, { readData: true, signal: never }), []);
  }
  return points;
}

/** The conformance suite: what Vault promises, checked on one kind over a memory store. */
export function testVault(name: string, open: OpenTestVault): void {
  const fresh = (): { store: MemoryStore; vault: Vault } => {
    const store = new MemoryStore(systemClock);
    return { store, vault: open(store, systemClock) };
  };
  describe(`${name} keeps the promises of a vault`, () => {
    describeRoundTrips(fresh);
    describeFailures(fresh, open);
    describeListing(fresh);
    describeDamage(fresh);
    describeClearing(fresh, open);
  });
}

type Fresh = () => { readonly store: MemoryStore; readonly vault: Vault };

function describeRoundTrips(fresh: Fresh): void {
  it('gives back a tree with every kind of entry as it was', async () => {
    const { vault } = fresh();
    const point = await writeTree(vault);
    const expected = await Promise.all(sampleTree().map(keep));
    assert.deepEqual(await readBack(vault, point), expected);
    assert.deepEqual(await vault.verify(point, { readData: true, signal: never }), []);
    assert.deepEqual(await vault.verify(point, { readData: false, signal: never }), []);
  });

  for (const sizeBytes of [0, 1, 100_000, 9_000_000]) {
    it(`gives back one file of ${sizeBytes} bytes whose size nobody announced`, async () => {
      const { vault } = fresh();
      const { sizeBytes: _, ...entry } = sampleFile('my db.sql', sampleBytes(sizeBytes));
      const source = { type: 'command', name: 'my db', shape: 'file', paths: [] } as const;
      const point = await writeTree(vault, newPoint({ source }), { entries: [entry] });
      assert.deepEqual(
        await readBack(vault, point),
        [
          await keep(sampleFile('my db.sql', sampleBytes(sizeBytes), { user: undefined, group: undefined } as object)),
        ].map(({ user: _user, group: _group, ...rest }) => rest),
      );
      assert.equal(point.sizeBytes, sizeBytes);
      assert.equal(point.files, 1);
    });
  }

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

function describeFailures(fresh: Fresh, open: OpenTestVault): void {
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
    assert.deepEqual(await keysIn(store), []);
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
        await writer.add(broken).catch(() => {});
        return { details: {}, problems: [] };
      },
      never,
    );
    await assert.rejects(failing, /read error/);
    assert.deepEqual(await keysIn(store), []);
  });

  for (const actual of [0, 99, 101]) {
    it(`refuses a content of ${actual} bytes that was announced with 100`, async () => {
      const { store, vault } = fresh();
      const liar = sampleFile('f', sampleBytes(actual), { sizeBytes: 100 });
      await assert.rejects(writeTree(vault, newPoint(), { entries: [sampleRoot, liar] }), { code: 'vault/wrong-size' });
      assert.deepEqual(await keysIn(store), []);
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
    assert.deepEqual(await keysIn(store), []);
  });

  it('keeps what two writers write at once apart', async () => {
    const { vault } = fresh();
    const points = await Promise.all([1, 2].map((seed) => writeTree(vault, newPoint(), { entries: smallTree(seed) })));
    assert.equal((await assertSound(vault)).length, 2);
    assert.notEqual(points[0]?.id, points[1]?.id);
  });

  const methods: FaultyMethod[] = ['put', 'startUpload', 'putPart', 'complete', 'head', 'delete'];
  for (const method of methods) {
    for (const after of [false, true]) {
      it(`leaves a sound restore point or none when any ${method} fails${after ? ' after it was done' : ''}`, async () => {
        await failEachCall({ open, method, after });
      });
    }
  }
}

/** Lets the first call of a method fail, then the second, until a run has no such call any more. */
async function failEachCall({
  open,
  method,
  after,
}: {
  open: OpenTestVault;
  method: FaultyMethod;
  after: boolean;
}): Promise<void> {
  // Noise stays as long as it is, so that it makes more than one part of an upload.
  const entries = [sampleRoot, sampleFile('f', randomBytes(9_000_000))];
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
    assert.deepEqual(
      (await keysIn(memory)).filter((key) => !survivors.has(key)),
      [],
    );
    const calls = faulty.calls.get(method) ?? 0;
    assert.ok(calls > 0, `no ${method} happens at all`);
    if (calls <= nth) return;
  }
}

function describeListing(fresh: Fresh): void {
  it('lists nothing in an empty store', async () => {
    assert.deepEqual(await fresh().vault.list({ signal: never }), []);
  });

  it('lists the oldest first', async () => {
    const { vault } = fresh();
    for (const day of ['03', '01', '02']) {
      const startedAt = new Date(`2026-03-${day}T00:00:00Z`);
      await writeTree(vault, newPoint({ startedAt, job: `job-${9 - Number(day)}` }), { entries: smallTree(1) });
    }
    const days = (await vault.list({ signal: never })).map(({ startedAt }) => startedAt.getUTCDate());
    assert.deepEqual(days, [1, 2, 3]);
  });

  it('forgets what it is told to, with all its objects, and nothing else', async () => {
    const { store, vault } = fresh();
    await store.put('somebody/elses.txt', Buffer.from('x'));
    const first = await writeTree(vault, newPoint(), { entries: smallTree(1) });
    const second = await writeTree(vault, newPoint(), { entries: smallTree(2) });
    await vault.forget([first], never);
    assert.deepEqual(await vault.list({ signal: never }), [second]);
    assert.deepEqual(await keysIn(store), [...second.keys, 'somebody/elses.txt'].sort());
    await assertSound(vault);
  });

  it('tells of what it can not read instead of leaving it out', async () => {
    const { store, vault } = fresh();
    const point = await writeTree(vault, newPoint(), { entries: smallTree(1) });
    const sound = await writeTree(vault, newPoint(), { entries: smallTree(2) });
    const manifestKey = point.keys[1] ?? '';
    const bytes = await bytesOf(store, manifestKey);
    await store.put(manifestKey, bytes.subarray(0, bytes.length / 2));
    const told: string[] = [];
    assert.deepEqual(await vault.list({ signal: never, onUnreadable: (key) => told.push(key) }), [sound]);
    assert.deepEqual(told, [manifestKey]);
    await assert.rejects(vault.list({ signal: never }), { code: 'vault/bad-manifest' });
  });
}

const damageCodes = [
  'vault/corrupt',
  'vault/truncated',
  'vault/wrong-size',
  'vault/wrong-key',
  'vault/missing-object',
  'vault/bad-manifest',
  'vault/newer-format',
];

async function assertDamageIsFound(vault: Vault, point: RestorePoint, what: string): Promise<void> {
  await assert.rejects(readBack(vault, point), (error) => {
    assert.ok(hasCode(error, ...damageCodes), `${what}: ${String(error)}`);
    return true;
  });
  assert.notDeepEqual(await vault.verify(point, { readData: true, signal: never }), [], what);
}

function describeDamage(fresh: Fresh): void {
  it('finds a changed byte wherever it is before reading ends', async () => {
    const { store, vault } = fresh();
    const point = await writeTree(vault, newPoint(), { entries: [sampleRoot, sampleFile('f', sampleBytes(30_000))] });
    for (const key of point.keys) {
      const bytes = await bytesOf(store, key);
      const step = Math.max(1, Math.floor(bytes.length / 40));
      const places = new Set([0, 1, 9, 10, 17, 19, 20, bytes.length - 9, bytes.length - 5, bytes.length - 2]);
      for (let place = 0; place < bytes.length; place += step) places.add(place);
      for (const place of places) {
        const damaged = Buffer.from(bytes);
        damaged[place] = (damaged[place] ?? 0) ^ 0x04;
        await store.put(key, damaged);
        await assertDamageIsFound(vault, point, `${key} at ${place}`);
      }
      await store.put(key, bytes);
    }
    await assertSound(vault);
  });

  it('finds bytes that are cut off, added or gone', async () => {
    const { store, vault } = fresh();
    const point = await writeTree(vault, newPoint(), { entries: smallTree(1) });
    const key = point.keys[0] ?? '';
    const bytes = await bytesOf(store, key);
    for (const length of [0, 1, bytes.length - 1]) {
      await store.put(key, bytes.subarray(0, length));
      await assertDamageIsFound(vault, point, `cut to ${length}`);
      assert.notDeepEqual(await vault.verify(point, { readData: false, signal: never }), []);
    }
    await store.put(key, Buffer.concat([bytes, Buffer.from([0])]));
    await assertDamageIsFound(vault, point, 'one more byte');
    await store.delete([key]);
    await assertDamageIsFound(vault, point, 'deleted');
  });

  it("finds another restore point's bytes in the place of its own", async () => {
    const { store, vault } = fresh();
    const one = await writeTree(vault, newPoint(), { entries: smallTree(1) });
    const two = await writeTree(vault, newPoint(), { entries: smallTree(2) });
    await store.put(one.keys[0] ?? '', await bytesOf(store, two.keys[0] ?? ''));
    await assertDamageIsFound(vault, one, 'swapped');
  });
}

const later = (): Date => new Date(Date.now() + 3_600_000);

function describeClearing(fresh: Fresh, open: OpenTestVault): void {
  it('sweeps nothing that is finished, and nothing that is not its own', async () => {
    const { store, vault } = fresh();
    await store.put('notes.txt', Buffer.from('x'));
    await store.put('old.tar.gz', Buffer.from('x'));
    await store.put('old.tar.gz.pending.json', Buffer.from('{"by":"somebody else"}'));
    await writeTree(vault, newPoint(), { entries: smallTree(1) });
    const before = await keysIn(store);
    assert.equal(await vault.sweep(later(), never), 0);
    assert.deepEqual(await keysIn(store), before);
    await assertSound(vault);
  });

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

  it('leaves nothing that a sweep does not find when forgetting breaks off', async () => {
    for (let nth = 0; nth < 3; nth += 1) {
      const { store, vault } = fresh();
      const point = await writeTree(vault, newPoint(), { entries: smallTree(1) });
      const faulty = new FaultyStore(store);
      faulty.fail('delete', ...Array.from({ length: nth }, () => ({ error: null })), {});
      await assert.rejects(open(faulty, systemClock).forget([point], never), { code: 'store/unavailable' });
      faulty.assertAllUsed();
      const sound = await assertSound(vault);
      await vault.sweep(later(), never);
      assert.deepEqual(
        await keysIn(store),
        sound.flatMap(({ keys }) => keys),
      );
    }
  });
}
