import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';

import { systemClock } from '../../base/clock.ts';
import { silentLogger } from '../../base/log.ts';
import type { SourceEntry } from '../../source/index.ts';
import { MemoryStore, type ObjectInfo, type PutOptions } from '../../store/index.ts';
import { readBack, sampleFile, sampleRoot } from '../testing/sample-entries.ts';
import { newPoint, writeTree } from '../testing/vault-testing.ts';
import { MirrorVault } from './mirror-vault.ts';

const never = new AbortController().signal;
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** Sees that no object is touched before the journal says what it becomes, and how durable that is. */
class JournalChecking extends MemoryStore {
  /** The keys of the objects that no manifest knows. */
  readonly fresh: string[] = [];
  readonly overwritten: string[] = [];
  segments = 0;
  private noted: { readonly text: string; readonly isDurable: boolean }[] = [];

  override async put(key: string, bytes: Uint8Array, options: PutOptions = {}): Promise<ObjectInfo> {
    const isDurable = options.deferSync !== true;
    if (key.startsWith('data/')) {
      const path = key.slice('data/'.length);
      const isNoted = (text: string): boolean => text.includes(`"${path}":`) && text.includes(sha256(bytes));
      const known = (await this.head('data.manifest.json')) && (await this.head(key));
      const notes = this.noted.filter(({ text }) => isNoted(text));
      assert.ok(
        notes.some((note) => !known || note.isDurable),
        `${key} was touched before its journal`,
      );
      assert.equal(isDurable, known !== undefined, key);
      (known ? this.overwritten : this.fresh).push(key);
    }
    const info = await super.put(key, bytes, options);
    if (key.includes('.pending/uploads')) {
      this.segments += 1;
      this.noted.push({ text: Buffer.from(bytes).toString(), isDurable });
    }
    return info;
  }

  forget(): void {
    this.noted = [];
    this.segments = 0;
    this.fresh.length = 0;
    this.overwritten.length = 0;
  }
}

const file = (index: number, version: number, sizeBytes = 100): SourceEntry =>
  sampleFile(String(index).padStart(5, '0'), Buffer.alloc(sizeBytes, `${index} ${version} `), {
    mtimeNs: BigInt(version),
  });

const files = (count: number, version: (index: number) => number): SourceEntry[] =>
  Array.from({ length: count }, (_, index) => file(index, version(index)));

describe('the uploads of a mirror', () => {
  it('go many at a time, each noted before it is touched, durably where it overwrites', async () => {
    const store = new JournalChecking(systemClock);
    const vault = new MirrorVault(
      { type: 'mirror' },
      { name: 'plain', store, clock: systemClock, logger: silentLogger },
    );
    await writeTree(vault, newPoint(), { entries: [sampleRoot, ...files(1000, () => 1)] });
    assert.equal(store.fresh.length, 1000);
    assert.ok(store.segments < 100, `${store.segments} segments`);
    store.forget();
    const changed = files(1300, (index) => (index % 3 === 0 ? 2 : 1));
    const point = await writeTree(vault, newPoint(), { entries: [sampleRoot, ...changed] });
    assert.deepEqual([store.overwritten.length, store.fresh.length], [334, 300]);
    const contents = (await readBack(vault, point)).slice(1).map(({ content }) => content);
    const wanted = changed.map((_, index) => Buffer.alloc(100, `${index} ${index % 3 === 0 ? 2 : 1} `).toString());
    assert.deepEqual(contents, wanted);
  });

  it('of files of all sizes come back as they were', async () => {
    const store = new JournalChecking(systemClock);
    const vault = new MirrorVault(
      { type: 'mirror' },
      { name: 'plain', store, clock: systemClock, logger: silentLogger },
    );
    const sizes = [0, 1, 262_144, 262_145, 200_000, 0, 3, 1_000_000, 262_144, 262_144, 262_144, 262_144, 262_144, 5];
    const entries = sizes.map((size, index) => file(index, 1, size));
    const point = await writeTree(vault, newPoint(), { entries: [sampleRoot, ...entries] });
    assert.deepEqual(await vault.verify(point, { readData: true, signal: never }), []);
    const contents = (await readBack(vault, point)).slice(1).map(({ content }) => content?.length);
    assert.deepEqual(contents, sizes);
  });
});
