import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { before, describe, it } from 'node:test';
import { systemClock } from '../../../base/clock.ts';
import { HoldfastError } from '../../../base/errors.ts';
import { silentLogger } from '../../../base/log.ts';
import { MemoryStore } from '../../../store/index.ts';
import { readBack, sampleFile, sampleRoot } from '../../testing/sample-entries.ts';
import { bytesOf, keysIn, newPoint, writeTree } from '../../testing/vault-testing.ts';
import type { RestorePoint, VerifyFinding } from '../../vault.ts';
import { RepositoryVault } from '../index.ts';
import { KeptRepository } from '../testing/kept-repository.ts';
import { prune } from '../upkeep/prune/prune.ts';
import { type CheckOptions, checkRepository, type CheckReport } from './check-repository.ts';

const never = new AbortController().signal;
const contents = { a: randomBytes(3_000_000), b: Buffer.from('some text '.repeat(30_000)), c: Buffer.from('small') };

/** Derived once: a vault keeps what it has opened. */
let vault: RepositoryVault;
let store: MemoryStore;
let point: RestorePoint;
const sound = new Map<string, Buffer>();

before(async () => {
  store = new MemoryStore(systemClock);
  vault = new RepositoryVault(
    { type: 'repository', password: 'correct horse' },
    { name: 'test', store, clock: systemClock, logger: silentLogger },
  );
  const entries = [
    sampleRoot,
    sampleFile('a', contents.a),
    sampleFile('b', contents.b),
    sampleFile('c', contents.c),
    sampleFile('d', Buffer.alloc(0)),
  ];
  point = await writeTree(vault, newPoint(), { entries });
  for (const key of await keysIn(store)) sound.set(key, await bytesOf(store, key));
});

async function restoreStore(): Promise<void> {
  for (const key of await keysIn(store)) if (!sound.has(key)) await store.delete([key]);
  for (const [key, bytes] of sound) await store.put(key, bytes);
}

const check = async (readData: CheckOptions['readData']): Promise<CheckReport> =>
  checkRepository(await vault.open(never, false), { readData, signal: never });

const keysOf = (folder: string): string[] => [...sound.keys()].filter((key) => key.startsWith(folder));

/** The pack of contents is by far the largest file. */
const dataPack = (): string =>
  keysOf('data/').toSorted((a, b) => (sound.get(b)?.length ?? 0) - (sound.get(a)?.length ?? 0))[0] ?? '';

function flipped(key: string, place: number): Buffer {
  const bytes = Buffer.from(sound.get(key) ?? []);
  bytes[place] = (bytes[place] ?? 0) ^ 0x10;
  return bytes;
}

/** What is found names the file and says what to do. */
function assertPlain(findings: readonly VerifyFinding[], key: string): void {
  assert.notDeepEqual(findings, [], `nothing was found wrong with ${key}: ${sound.get(key)?.length}`);
  const name = key.slice(key.lastIndexOf('/') + 1);
  assert.ok(
    findings.some(({ message }) => message.includes(key) || message.includes(name.slice(0, 8))),
    `${key}: ${JSON.stringify(findings)}`,
  );
  for (const { code, message } of findings) {
    assert.match(code, /^vault\/[a-z-]+$/);
    assert.match(
      message,
      /Run "|Put it back|Put the pack back|Put a sound copy|made again|Verify the vault|Remove it with/,
      message,
    );
  }
}

async function withDamage(key: string, bytes: Buffer | undefined, body: () => Promise<void>): Promise<void> {
  if (bytes) await store.put(key, bytes);
  else await store.delete([key]);
  try {
    await body();
  } finally {
    await restoreStore();
  }
}

const reading = async (): Promise<void> => void (await readBack(vault, point));

describe('a check of a repository', () => {
  it('finds nothing wrong with one that is sound, and counts what it has', async () => {
    const report = await check(true);
    assert.deepEqual(report.findings, []);
    assert.deepEqual(report.hints, []);
    assert.equal(report.snapshots, 1);
    assert.equal(report.packs, keysOf('data/').length);
    assert.equal(report.packsRead, report.packs);
    const bytes = keysOf('data/').reduce((sum, key) => sum + (sound.get(key)?.length ?? 0), 0);
    assert.equal(report.bytesRead, bytes);
    let read = 0;
    const onBytes = (count: number): void => void (read += count);
    assert.deepEqual(await vault.verify(point, { readData: true, signal: never, onBytes }), []);
    assert.equal(
      read,
      Object.values(contents).reduce((sum, { length }) => sum + length, 0),
    );
  });

  it('finds a flipped byte in every file, wherever it is', async () => {
    for (const [key, bytes] of sound) {
      const places = [0, 20, Math.floor(bytes.length / 2), bytes.length - 40, bytes.length - 3].filter((at) => at >= 0);
      for (const place of places)
        await withDamage(key, flipped(key, place), async () => {
          assertPlain((await check(true)).findings, key);
          assertPlain(await vault.verify(point, { readData: true, signal: never }), key);
        });
    }
  });

  it('reads no wrong byte of a pack, and says which blob is damaged', async () => {
    const key = dataPack();
    await withDamage(key, flipped(key, 1000), async () => {
      await assert.rejects(reading(), (error) => {
        assert.ok(error instanceof HoldfastError);
        assert.equal(error.code, 'vault/corrupt');
        assert.ok(error.message.includes(key));
        return true;
      });
      assert.deepEqual((await check(false)).findings, [], 'without reading, the size alone tells nothing');
    });
  });

  it('finds a pack that was cut off or is missing without reading it', async () => {
    const key = dataPack();
    const bytes = sound.get(key) ?? Buffer.alloc(0);
    await withDamage(key, bytes.subarray(0, 2000), async () => {
      for (const findings of [
        (await check(false)).findings,
        await vault.verify(point, { readData: false, signal: never }),
      ])
        assert.deepEqual(
          findings.map(({ code }) => code),
          ['vault/truncated'],
        );
      await assert.rejects(reading(), { code: 'vault/truncated' });
    });
    await withDamage(key, undefined, async () => {
      for (const findings of [
        (await check(false)).findings,
        await vault.verify(point, { readData: false, signal: never }),
      ])
        assert.deepEqual(
          findings.map(({ code }) => code),
          ['vault/missing-object'],
        );
      await assert.rejects(reading(), { code: 'vault/missing-object' });
    });
  });

  it('names the folder that a lost index takes away, and the packs that nobody knows any more', async () => {
    const [key = ''] = keysOf('index/');
    await withDamage(key, undefined, async () => {
      const { findings, hints } = await check(false);
      assert.match(
        findings[0]?.message ?? '',
        /folder "\/" of the snapshot [0-9a-f]{8} can not be read: .*repair index/s,
      );
      assert.match(hints[0] ?? '', new RegExp(`^${keysOf('data/').length} packs are in no index: .*repair index`));
    });
  });

  it('calls a pack that is in no index a hint, no damage', async () => {
    const id = 'ab'.repeat(32);
    await withDamage(`data/ab/${id}`, Buffer.alloc(100), async () => {
      const { findings, hints } = await check(true);
      assert.deepEqual(findings, []);
      assert.match(hints[0] ?? '', new RegExp(`^1 packs are in no index: "data/ab/${id}"`));
    });
  });

  it('ends with the reason of an abort', async () => {
    const abort = new AbortController();
    abort.abort(new Error('enough'));
    const repository = await vault.open(never, false);
    await assert.rejects(checkRepository(repository, { readData: true, signal: abort.signal }), /enough/);
  });
});

describe('a prune that removes what is about to be read', () => {
  const kept = new KeptRepository();
  const points: RestorePoint[] = [];
  let pruned: MemoryStore;

  before(async () => {
    for (const content of [contents.a, contents.b])
      points.push(await writeTree(kept.vault, newPoint(), { entries: [sampleRoot, sampleFile('f', content)] }));
    pruned = await kept.copy();
    const forget = points.slice(0, 1).map(({ id }) => id);
    await prune(await kept.open(pruned), { forget, maxUnused: 0, signal: never });
  });

  /** What becomes of it when the packs are asked for is what the prune has made. */
  async function prunedInTheMidst(): Promise<MemoryStore> {
    const changing = await kept.copy();
    const list = changing.list.bind(changing);
    let isPruned = false;
    changing.list = async function* (options) {
      if (options?.prefix === 'data/' && !isPruned) {
        isPruned = true;
        for (const key of await keysIn(pruned)) await changing.put(key, await bytesOf(pruned, key));
        const left = new Set(await keysIn(pruned));
        await changing.delete((await keysIn(changing)).filter((key) => !left.has(key)));
      }
      yield* list(options);
    };
    return changing;
  }

  it('makes it no damage to a check', async () => {
    const repository = await kept.open(await prunedInTheMidst());
    const report = await checkRepository(repository, { readData: true, signal: never });
    assert.deepEqual([report.findings, report.hints, report.snapshots], [[], [], 1]);
  });

  it('nor to the verification of a restore point', async () => {
    const verified = kept.vaultIn(await prunedInTheMidst());
    const [, second] = points;
    assert.deepEqual(await verified.verify(second as RestorePoint, { readData: true, signal: never }), []);
  });
});
