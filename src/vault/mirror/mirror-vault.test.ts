import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';

import { systemClock } from '../../base/clock.ts';
import { silentLogger } from '../../base/log.ts';
import type { Need, SourceEntry } from '../../source/index.ts';
import { MemoryStore, type ObjectStore, openStore } from '../../store/index.ts';
import { FaultyStore } from '../../store/testing/faulty-store.ts';
import { readBack, sampleFile, sampleRoot } from '../testing/sample-entries.ts';
import { testVault } from '../testing/test-vault.ts';
import { assertSound, newPoint, writeTree } from '../testing/vault-testing.ts';
import type { MirrorVaultSpec } from './mirror-spec.ts';
import { MirrorVault, type MirrorVaultOptions } from './mirror-vault.ts';

const never = new AbortController().signal;

const open = (
  store: ObjectStore,
  spec: Omit<MirrorVaultSpec, 'type'> = {},
  more: Partial<MirrorVaultOptions> = {},
): MirrorVault =>
  new MirrorVault(
    { type: 'mirror', ...spec },
    { name: 'plain', store, clock: systemClock, logger: silentLogger, ...more },
  );

testVault('the mirror vault', (store, clock) => open(store, {}, { clock }), {
  mirrors: true,
  leaves: /./, // files, which the next run overwrites
  calls: [],
});

const newStore = (): MemoryStore => new MemoryStore(systemClock);
const keysIn = (store: ObjectStore): Promise<string[]> => Array.fromAsync(store.list(), ({ key }) => key);

/** A file whose time tells its version. */
const file = (path: string, text: string, more: Partial<SourceEntry> = {}): SourceEntry =>
  sampleFile(path, Buffer.from(text), {
    mtimeNs: BigInt(`0x${createHash('sha1').update(text).digest('hex').slice(0, 12)}`),
    ...more,
  });

const neverOpened = (path: string, text: string): SourceEntry => ({
  ...file(path, text),
  open: () => assert.fail(`${path} was read`),
});

const texts = async (vault: MirrorVault): Promise<Record<string, string | undefined>> => {
  const [point] = await vault.list({ signal: never });
  const entries = point ? await readBack(vault, point) : [];
  return Object.fromEntries(entries.filter(({ type }) => type === 'file').map((e) => [e.path.toString(), e.content]));
};

/** Sends entries and then dies: what a kill leaves, as far as the store can tell. */
async function dieAfter(vault: MirrorVault, entries: readonly SourceEntry[]): Promise<void> {
  const dying = vault.write(
    newPoint(),
    async (writer) => {
      for (const entry of entries) await writer.add(entry);
      for (let turns = 0; turns < 100; turns += 1) await turn(); // all that is under way arrives
      throw new Error('died');
    },
    never,
  );
  await assert.rejects(dying, /died/);
}

describe('a mirror', () => {
  it('keeps each file as a plain object under its own path, and says so in a manifest', async () => {
    const store = newStore();
    const names = ['a b', 'dir', 'dir/100%.txt', 'ü'];
    const entries = names.map((name) =>
      name === 'dir' ? { ...sampleRoot, path: Buffer.from(name) } : file(name, name),
    );
    await writeTree(open(store, { layout: '', manifestKey: '.backup_manifest.json' }), newPoint(), {
      entries: [sampleRoot, ...entries],
    });
    assert.deepEqual(await keysIn(store), ['.backup_manifest.json', 'a b', 'dir/100%.txt', 'ü']);
    const manifest = JSON.parse(
      Buffer.concat(await Array.fromAsync(store.get('.backup_manifest.json'))).toString(),
    ) as {
      entries: Record<string, { mtimeNs: string; size: number; sha256: string }>;
    };
    assert.deepEqual(Object.keys(manifest.entries), ['', ...names]);
    assert.equal(manifest.entries['a b']?.size, 3);
    assert.equal(manifest.entries['a b'].sha256, createHash('sha256').update('a b').digest('hex'));
  });

  it('reads and sends only what is new or changed', async () => {
    const stored: string[] = [];
    const store = newStore();
    const vault = open(
      store,
      {},
      { events: { onFileStored: ({ path, key, sizeBytes }) => stored.push(`${path} ${key} ${sizeBytes}`) } },
    );
    await writeTree(vault, newPoint(), { entries: [sampleRoot, file('a', 'one'), file('b', 'one')] });
    stored.length = 0;
    const entries = [sampleRoot, { ...neverOpened('a', 'one'), mode: 0o600 }, file('b', 'two'), file('c', 'new')];
    const point = await writeTree(vault, newPoint(), { entries });
    assert.deepEqual(stored.sort(), ['b data/b 3', 'c data/c 3']);
    const [, a] = await readBack(vault, point);
    assert.equal(a?.mode, 0o600, 'what can be known without reading is kept all the same');
    assert.deepEqual(await texts(vault), { a: 'one', b: 'two', c: 'new' });
    assert.equal((await vault.list({ signal: never })).length, 1);
  });

  it('tells a source which contents it need not read', async () => {
    const vault = open(newStore());
    await writeTree(vault, newPoint(), { entries: [sampleRoot, file('a', 'one'), file('b', 'one')] });
    await vault.write(
      newPoint(),
      async (writer) => {
        const entries = [neverOpened('a', 'one'), file('b', 'two'), file('c', 'new')];
        await writer.add(sampleRoot);
        const needed: (Need | undefined)[] = [];
        for (const entry of entries) needed.push(await writer.needs?.(entry));
        assert.deepEqual(needed, ['facts', 'content', 'content']);
        for (const entry of entries) await writer.add(entry);
        return { details: {}, problems: [] };
      },
      never,
    );
    assert.deepEqual(await texts(vault), { a: 'one', b: 'two', c: 'new' });
  });

  it('sends everything when it is told to', async () => {
    const store = newStore();
    await writeTree(open(store), newPoint(), { entries: [sampleRoot, file('a', 'one')] });
    await store.put('data/a', Buffer.from('damaged'));
    const vault = open(store, { full: true });
    await writeTree(vault, newPoint(), { entries: [sampleRoot, file('a', 'one')] });
    assert.deepEqual(await texts(vault), { a: 'one' });
  });

  it('keeps the objects of removed files unless it may delete, and then only after a run without problems', async () => {
    const store = newStore();
    const all = [sampleRoot, file('a', '1'), file('b', '2')];
    const left = [sampleRoot, file('a', '1')];
    await writeTree(open(store), newPoint(), { entries: all });
    await writeTree(open(store), newPoint(), { entries: left });
    assert.deepEqual(await texts(open(store)), { a: '1' });
    assert.deepEqual(await keysIn(store), ['data.manifest.json', 'data/a', 'data/b']);

    const deleting = open(store, { delete: true });
    await writeTree(deleting, newPoint(), { entries: all });
    const problems = [{ path: 'b', kind: 'unreadable', message: 'permission denied' } as const];
    await writeTree(deleting, newPoint(), { entries: left, problems });
    assert.deepEqual(await keysIn(store), ['data.manifest.json', 'data/a', 'data/b']);
    await writeTree(deleting, newPoint(), { entries: all });
    await writeTree(deleting, newPoint(), { entries: left });
    assert.deepEqual(await keysIn(store), ['data.manifest.json', 'data/a']);
  });

  it('deletes nothing, however much is missing, when it could not read all of its source', async () => {
    const store = newStore();
    const vault = open(store, { delete: true });
    const many = Array.from({ length: 2100 }, (_, index) => file(`f${String(index).padStart(5, '0')}`, '1'));
    await writeTree(vault, newPoint(), { entries: [sampleRoot, ...many] });
    const problems = [{ path: '', kind: 'unreadable', message: 'permission denied' } as const];
    await writeTree(vault, newPoint(), { entries: [sampleRoot], problems });
    await writeTree(open(store), newPoint(), { entries: [sampleRoot] });
    assert.equal((await keysIn(store)).filter((key) => key.startsWith('data/f')).length, 2100);
  });

  it('deletes at the next run what a run had still to delete when it died', async () => {
    const store = newStore();
    const faulty = new FaultyStore(store);
    await writeTree(open(store), newPoint(), { entries: [sampleRoot, file('a', '1'), file('b', '2')] });
    faulty.fail('delete', {});
    await writeTree(open(faulty, { delete: true }), newPoint(), { entries: [sampleRoot, file('a', '1')] });
    assert.ok((await keysIn(store)).includes('data/b'));
    await writeTree(open(store), newPoint(), { entries: [sampleRoot, neverOpened('a', '1')] });
    assert.deepEqual(await keysIn(store), ['data.manifest.json', 'data/a']);
  });
});

describe('a mirror whose run died', () => {
  const first = [sampleRoot, file('a', 'one'), file('b', 'one'), file('c', 'same')];
  const second = [sampleRoot, file('a', 'the second'), file('b', 'two')];

  it('gives back each file as it was at one moment, content and metadata together', async () => {
    const store = newStore();
    const vault = open(store);
    await writeTree(vault, newPoint(), { entries: first });
    await dieAfter(vault, second);
    await assertSound(vault);
    assert.deepEqual(await texts(vault), { a: 'the second', b: 'two', c: 'same' });
    const [point] = await vault.list({ signal: never });
    const [, a] = await readBack(vault, point ?? assert.fail());
    assert.equal(a?.mtimeNs, second[1]?.mtimeNs);
  });

  it('with `delete` keeps nothing for ever of a file that only a dead run had sent', async () => {
    const store = newStore();
    const vault = open(store, { delete: true });
    await writeTree(vault, newPoint(), { entries: first });
    await dieAfter(vault, [...first, file('z', 'gone soon')]);
    assert.ok((await keysIn(store)).includes('data/z'));
    const problems = [{ path: 'b', kind: 'unreadable', message: 'permission denied' } as const];
    await writeTree(vault, newPoint(), { entries: first, problems });
    await writeTree(vault, newPoint(), { entries: first });
    assert.deepEqual(await keysIn(store), ['data.manifest.json', 'data/a', 'data/b', 'data/c']);
  });

  it('is not taken in by a file that has its former time and size again', async () => {
    const store = newStore();
    const vault = open(store);
    await writeTree(vault, newPoint(), { entries: first });
    await dieAfter(vault, second);
    await writeTree(vault, newPoint(), { entries: [...first.slice(0, 3), neverOpened('c', 'same')] });
    assert.deepEqual(await texts(vault), { a: 'one', b: 'one', c: 'same' });
    assert.deepEqual(await keysIn(store), ['data.manifest.json', 'data/a', 'data/b', 'data/c']);
  });

  it('has none of the versions when somebody else changes the object, and says so', async () => {
    const store = newStore();
    const vault = open(store);
    const point = await writeTree(vault, newPoint(), { entries: first });
    await dieAfter(vault, second);
    await store.put('data/a', Buffer.from('xxx'));
    await assert.rejects(readBack(vault, point), { code: 'vault/corrupt' });
    assert.equal((await vault.verify(point, { readData: true, signal: never })).length, 1);
  });
});

describe('two runs of one mirror at once', () => {
  it('leave what the winner wrote, and tell the loser', async () => {
    const store = newStore();
    for (const start of [[], [sampleRoot, file('a', 'zero')]]) {
      if (start.length > 0) await writeTree(open(store), newPoint(), { entries: start });
      const losing = open(store).write(
        newPoint(),
        async (writer) => {
          await writer.add(sampleRoot);
          await writeTree(open(store), newPoint(), { entries: [sampleRoot, file('a', 'winner'), file('b', 'winner')] });
          await writer.add(file('a', 'loser'));
          while ((await texts(open(store)))['a'] !== 'loser') await turn();
          return { details: {}, problems: [] };
        },
        never,
      );
      await assert.rejects(losing, { code: 'vault/changed-meanwhile' });
      await assertSound(open(store));
      assert.deepEqual(await texts(open(store)), { a: 'loser', b: 'winner' });
      await writeTree(open(store), newPoint(), { entries: [sampleRoot, file('a', 'end'), file('b', 'end')] });
      assert.deepEqual(await texts(open(store)), { a: 'end', b: 'end' });
      await open(store).forget(await open(store).list({ signal: never }), never);
      assert.deepEqual(await keysIn(store), []);
    }
  });
});

describe('a file that the store does not take', () => {
  it('is told, keeps its former state, and does not stop the others', async () => {
    const store = newStore();
    await writeTree(open(store), newPoint(), { entries: [sampleRoot, file('a', 'one'), file('b', 'one')] });
    for (const after of [false, true]) {
      const failing = Object.assign(new FaultyStore(store), {});
      const put = failing.put.bind(failing);
      failing.put = (key, bytes, options) => {
        if (key === 'data/a' || key === 'data/new') failing.fail('put', { after });
        return put(key, bytes, options);
      };
      const failed: string[] = [];
      const vault = open(failing, {}, { events: { onFileFailed: ({ path }) => failed.push(path) } });
      const linked = { ...file('new-too', 'x'), hardLinkTo: Buffer.from('new') };
      const entries = [sampleRoot, file('a', `two ${after}`), file('b', `two ${after}`), file('new', 'x'), linked];
      const point = await writeTree(vault, newPoint(), { entries });
      assert.equal(point.status, 'partial');
      assert.deepEqual(failed.sort(), ['a', 'new']);
      assert.deepEqual(
        point.problems.map(({ path, kind }) => `${path} ${kind}`),
        ['a not-stored', 'new not-stored', 'new-too not-stored'],
      );
      await assertSound(open(store));
      assert.deepEqual(await texts(open(store)), { a: after ? 'two true' : 'one', b: `two ${after}` });
    }
    await writeTree(open(store), newPoint(), {
      entries: [sampleRoot, file('a', 'three'), neverOpened('b', 'two true')],
    });
    assert.deepEqual(await texts(open(store)), { a: 'three', b: 'two true' });
  });

  it('ends the run when ten in a row are like that', async () => {
    const store = newStore();
    const failing = new FaultyStore(store);
    const entries = Array.from({ length: 1000 }, (_, index) => file(String(index).padStart(4, '0'), 'x'));
    const put = failing.put.bind(failing);
    failing.put = (key, bytes, options) => {
      if (!key.includes('pending')) failing.fail('put', {});
      return put(key, bytes, options);
    };
    await assert.rejects(writeTree(open(failing), newPoint(), { entries: [sampleRoot, ...entries] }), {
      code: 'vault/uploads-failed',
    });
    assert.ok((failing.calls.get('put') ?? 0) < 300);
  });
});

describe('the manifest of a mirror', () => {
  it('is copied to this machine, and read from there only when it is the same', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'holdfast-mirror-'));
    try {
      const localManifest = join(folder, 'sub', '{source}.json');
      const path = join(folder, 'sub', 'data.json');
      const store = newStore();
      const counting = new FaultyStore(store);
      const write = (...entries: SourceEntry[]): Promise<unknown> =>
        writeTree(open(counting, { localManifest }), newPoint(), { entries: [sampleRoot, ...entries] });
      await write(file('a', 'one'));
      const inStore = async (): Promise<Buffer> =>
        Buffer.concat(await Array.fromAsync(store.get('data.manifest.json')));
      assert.deepEqual(await readFile(path), await inStore());
      for (const damage of [undefined, 'damaged', 'gone']) {
        const copy = await readFile(path);
        if (damage === 'damaged') await writeFile(path, copy.toString().replace('"size":3', '"size":4'));
        if (damage === 'gone') await rm(path);
        const before = counting.calls.get('get') ?? 0;
        await write(neverOpened('a', 'one'));
        assert.equal((counting.calls.get('get') ?? 0) - before, damage === undefined ? 1 : 2);
        assert.deepEqual(await readFile(path), await inStore());
      }
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('belongs to one source: another is refused before anything is sent', async () => {
    const store = newStore();
    const spec = { layout: '', manifestKey: '.backup_manifest.json' };
    await writeTree(open(store, spec), newPoint(), { entries: [sampleRoot, file('a', '1')] });
    const other = newPoint({ source: { ...newPoint().source, name: 'other' } });
    await assert.rejects(writeTree(open(store, spec), other, { entries: [sampleRoot] }), { code: 'vault/name-taken' });
    assert.deepEqual(await texts(open(store, spec)), { a: '1' });
  });

  it('refuses entries that are not in order, rather than taking them for new ones', async () => {
    const entries = [sampleRoot, file('b', '1'), file('a', '1')];
    await assert.rejects(writeTree(open(newStore()), newPoint(), { entries }), { code: 'vault/bad-order' });
  });

  it('looks for what dead runs left in the first run of a day', async () => {
    let sweeps = 0;
    class Counting extends MemoryStore {
      override sweep(...args: Parameters<MemoryStore['sweep']>): Promise<number> {
        sweeps += 1;
        return super.sweep(...args);
      }
    }
    const store = new Counting(systemClock);
    const days = ['2026-03-01T00:30:00Z', '2026-03-01T23:30:00Z', '2026-03-02T00:30:00Z', '2026-03-02T01:00:00Z'];
    for (const [run, day] of days.entries()) {
      const vault = open(store);
      await writeTree(vault, newPoint({ startedAt: new Date(day) }), { entries: [sampleRoot, file('a', '1')] });
      await vault.sweep(new Date(0), never);
      assert.equal(sweeps, [1, 1, 2, 2][run], day);
    }
  });

  for (const spec of [
    { layout: '/x/' },
    { layout: '../' },
    { layout: '{run}/' },
    { manifestKey: '' },
    { manifestKey: 'a/' },
    { manifestKey: '{source' },
  ])
    it(`can't be at ${JSON.stringify(spec)}`, () => {
      assert.throws(() => open(newStore(), spec), { code: 'vault/bad-options' });
    });
});

describe('a mirror in a folder', () => {
  it('keeps a file where a folder is in its way, and the other way round', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'holdfast-mirror-'));
    const store = await openStore({ type: 'local', path: folder }, { clock: systemClock, logger: silentLogger });
    const vault = open(store);
    const asFolder = [sampleRoot, { ...sampleRoot, path: Buffer.from('x') }, file('x/y', 'below')];
    try {
      for (let round = 0; round < 2; round += 1) {
        await writeTree(vault, newPoint(), { entries: [sampleRoot, file('x', `file ${round}`)] });
        assert.deepEqual(await texts(vault), { x: `file ${round}` });
        await writeTree(vault, newPoint(), { entries: asFolder });
        assert.deepEqual(await texts(vault), { 'x/y': 'below' });
      }
      await assertSound(vault);
      await vault.forget(await vault.list({ signal: never }), never);
      assert.deepEqual(await vault.list({ signal: never }), []);
    } finally {
      await vault.close();
      await rm(folder, { recursive: true });
    }
  });
});
