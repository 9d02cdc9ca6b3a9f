import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { bytesOf, keysIn, newPoint, smallTree, writeTree } from '../../testing/vault-testing.ts';
import { sampleFile, sampleRoot } from '../../testing/sample-entries.ts';
import { KeptRepository } from '../testing/kept-repository.ts';
import { randomStream } from '../testing/sample-stream.ts';
import { listSnapshots } from '../snapshot/list-snapshots.ts';
import { repairIndex } from '../upkeep/repair/repair-index.ts';
import { repairPacks } from '../upkeep/repair/repair-packs.ts';
import { repairSnapshots } from '../upkeep/repair/repair-snapshots.ts';
import { copySnapshots } from '../upkeep/snapshots/copy-snapshots.ts';
import { rewriteSnapshots } from '../upkeep/snapshots/rewrite-snapshots.ts';

const { signal } = new AbortController();
const kept = new KeptRepository();
const dataPack = async ({ store } = kept): Promise<string> => {
  const sizes = await Array.fromAsync(store.list({ prefix: 'data/' }));
  return sizes.toSorted((a, b) => b.sizeBytes - a.sizeBytes)[0]?.key ?? '';
};

describe('a backup over packs that the repository has lost', () => {
  before(async () => {
    await writeTree(kept.vault, newPoint(), { entries: smallTree(1) });
  });

  for (const [what, left] of [
    ['gone', 0],
    ['cut short', 100_000],
  ] as const)
    it(`is partial and says why, where one is ${what}`, async () => {
      const store = await kept.copy();
      const pack = await dataPack();
      const bytes = await bytesOf(store, pack);
      await store.delete([pack]);
      if (left > 0) await store.put(pack, bytes.subarray(0, left));
      const point = await writeTree(kept.vaultIn(store), newPoint(), { entries: smallTree(1) });
      assert.equal(point.status, 'partial');
      assert.deepEqual(
        point.problems.map(({ path, kind }) => [path, kind]),
        [[pack, 'not-stored']],
      );
      assert.match(point.problems[0]?.message ?? '', /is lost or cut short.*repair index/);
    });

  it('is whole again once the index names them no more: what they held is stored anew', async () => {
    const store = await kept.copy();
    await store.delete([await dataPack()]);
    const vault = kept.vaultIn(store);
    await repairIndex(await kept.open(store), { signal });
    const point = await writeTree(vault, newPoint(), { entries: smallTree(1) });
    assert.equal(point.status, 'ok');
    assert.deepEqual(await vault.verify(point, { readData: true, signal }), []);
  });

  it('is refused as a copy', async () => {
    const other = new KeptRepository();
    await writeTree(other.vault, newPoint(), { entries: smallTree(1) });
    const before = await keysIn(other.store);
    const pack = await dataPack(other);
    await other.store.delete([pack]);
    const from = await kept.open(kept.store);
    const snapshots = await listSnapshots(from, { signal, onUnreadable: assert.fail });
    await assert.rejects(copySnapshots(from, await other.open(other.store), snapshots, { signal }), {
      code: 'vault/missing-object',
      context: { key: pack },
    });
    assert.deepEqual(
      await keysIn(other.store),
      before.filter((key) => key !== pack),
    );
  });

  it('is refused as a repair of snapshots, and as a rewriting of them, until the index names them no more', async () => {
    const store = await kept.copy();
    const pack = await dataPack();
    await store.delete([pack]);
    const repository = await kept.open(store);
    const snapshots = await listSnapshots(repository, { signal });
    const before = await keysIn(store);
    const options = { forget: true, dryRun: false, signal };
    const lost = { code: 'vault/missing-object', context: { key: pack } };
    await assert.rejects(repairSnapshots(repository, snapshots, options), lost);
    await assert.rejects(rewriteSnapshots(repository, snapshots, { ...options, newHost: 'other' }), lost);
    assert.deepEqual(await keysIn(store), before);
    await repairIndex(repository, { signal });
    assert.equal((await repairSnapshots(repository, snapshots, options)).repaired.length, snapshots.length);
  });

  it('is no business of packs that come while it is under way', async () => {
    const store = await kept.copy();
    const entries = [sampleRoot, sampleFile('large', randomStream(3, 9_000_000))];
    const point = await writeTree(kept.vaultIn(store), newPoint(), { entries });
    assert.equal(point.status, 'ok');
    assert.ok((await keysIn(store)).filter((key) => key.startsWith('data/')).length > 3);
  });
});

it('a backup of a folder whose tree is damaged in the repository is partial, and whole again once the pack is repaired', async () => {
  const store = await kept.copy();
  const repository = await kept.open(store);
  await repository.loadIndex(signal);
  const { snapshot } = (await listSnapshots(repository, { signal })).at(-1) ?? assert.fail('nothing');
  const root = JSON.parse((await repository.loadBlob('tree', snapshot.tree)).toString()) as {
    readonly nodes: readonly { readonly subtree?: string }[];
  };
  const tree = root.nodes.find(({ subtree }) => subtree !== undefined)?.subtree ?? snapshot.tree;
  const { packId, offset } = repository.index.place(repository.index.find('tree', Buffer.from(tree, 'hex')));
  const key = `data/${packId.slice(0, 2)}/${packId}`;
  const bytes = await bytesOf(store, key);
  bytes[offset + 20] = (bytes[offset + 20] ?? 0) ^ 4;
  await store.put(key, bytes);
  const back = () => writeTree(kept.vaultIn(store), newPoint(), { entries: smallTree(1) });
  const point = await back();
  assert.equal(point.status, 'partial');
  assert.ok(point.problems.every(({ kind, message }) => kind === 'not-stored' && message.includes(packId)));
  await repairPacks(repository, [packId], { signal });
  const vault = kept.vaultIn(store);
  assert.deepEqual(await vault.verify(await back(), { readData: true, signal }), []);
});
