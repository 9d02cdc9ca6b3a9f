import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sampleFile, sampleRoot } from '../../testing/sample-entries.ts';
import { newPoint, writeTree } from '../../testing/vault-testing.ts';
import { decodeIndex, type IndexedPack } from '../format/index-file.ts';
import { Repository } from '../repository.ts';
import { listSnapshots } from '../snapshot/list-snapshots.ts';
import { KeptRepository } from '../testing/kept-repository.ts';
import { findUsedBlobs } from './used-blobs.ts';

const { signal } = new AbortController();

test('whichever blob or tree is missing, beside others that are there: what is used is not told', async () => {
  const { vault } = new KeptRepository();
  const folders = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k'];
  const entries = folders.flatMap((name) => [
    { ...sampleRoot, path: Buffer.from(name) },
    sampleFile(`${name}/file`, Buffer.from(`what is in ${name}`)),
  ]);
  await writeTree(vault, newPoint(), { entries: [sampleRoot, ...entries] });
  const known = await vault.open(signal, false);
  const [found] = await listSnapshots(known, { signal });
  const trees = [found?.snapshot.tree ?? ''];
  const packs: IndexedPack[] = [];
  for await (const { id } of known.list('index', signal))
    packs.push(...decodeIndex(await known.loadFile('index', id, signal)).packs);
  const without = (missing: string | undefined): Repository => {
    const repository = new Repository(known);
    for (const { id, blobs } of packs)
      repository.index.addPack(
        id,
        blobs.filter((blob) => blob.id !== missing),
      );
    return repository;
  };
  const all = packs.flatMap(({ blobs }) => blobs.map(({ id }) => id));
  assert.equal((await findUsedBlobs(without(undefined), trees, { signal })).size, all.length);
  for (const id of all)
    for (let turn = 0; turn < 3; turn += 1)
      await assert.rejects(findUsedBlobs(without(id), trees, { signal }), { code: 'vault/missing-object' });
});
