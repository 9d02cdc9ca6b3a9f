import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { listSnapshots, type FoundSnapshot } from '../../src/vault/repository/library.ts';
import type { Repository } from '../../src/vault/repository/repository.ts';
import { adoptOrphans } from '../../src/vault/repository/saving/adopt-orphans.ts';
import { copySnapshots } from '../../src/vault/repository/upkeep/snapshots/copy-snapshots.ts';
import { diffSnapshots } from '../../src/vault/repository/upkeep/snapshots/diff-snapshots.ts';
import { findIdsInSnapshots, findInSnapshots } from '../../src/vault/repository/upkeep/snapshots/find-in-snapshots.ts';
import { prune } from '../../src/vault/repository/upkeep/prune/prune.ts';
import { repairIndex } from '../../src/vault/repository/upkeep/repair/repair-index.ts';
import { repairPacks } from '../../src/vault/repository/upkeep/repair/repair-packs.ts';
import { repairSnapshots } from '../../src/vault/repository/upkeep/repair/repair-snapshots.ts';
import { addKey, changePassword, listKeys, removeKey } from '../../src/vault/repository/upkeep/repository-keys.ts';
import { repositoryStats, type StatsMode } from '../../src/vault/repository/upkeep/repository-stats.ts';
import { rewriteSnapshots } from '../../src/vault/repository/upkeep/snapshots/rewrite-snapshots.ts';
import { tagSnapshots } from '../../src/vault/repository/upkeep/snapshots/tag-snapshots.ts';
import { compareTrees } from '../fixtures/compare-trees.ts';
import { makeSharedRepository, type SharedRepository } from '../fixtures/upkeep-repository.ts';

const { signal } = new AbortController();
let dir = '';
let data = '';

before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'holdfast-upkeep-data-'));
  data = join(dir, 'data');
});
after(() => rm(dir, { recursive: true, force: true }));

/** Round 0 makes the tree; each further one changes a part of it. */
async function change(round: number): Promise<void> {
  for (let file = 0; file < 120; file += 1) {
    if (round > 0 && file % 3 !== round % 3) continue;
    const folder = join(data, `d${file % 7}`, `e${file % 3}`);
    await mkdir(folder, { recursive: true });
    const name = round > 0 && file % 30 === 0 ? `new${round}-${file}` : `f${file}.${file % 2 ? 'txt' : 'bin'}`;
    await writeFile(join(folder, name), file % 2 ? `text ${round} ${file} `.repeat(3000) : randomBytes(90_000));
  }
  if (round === 2) await rm(join(data, 'd6'), { recursive: true });
}

/** Six snapshots, by both programs in turn. */
async function fill(shared: SharedRepository): Promise<void> {
  await rm(data, { recursive: true, force: true });
  for (let round = 0; round < 6; round += 1) {
    await change(round);
    if (round % 2 === 0) shared.restic('backup', '--host', 'box', '--tag', `round${round}`, data);
    else await shared.backups.backup({ source: data, host: 'box', tags: [`round${round}`] });
  }
}

const snapshotsOf = async (shared: SharedRepository): Promise<FoundSnapshot[]> =>
  listSnapshots(await shared.repository(), { signal });

async function restored(shared: SharedRepository, id: string): Promise<string> {
  const target = await mkdtemp(join(dir, 'restored-'));
  shared.restic('restore', id, '--target', target);
  return join(target, data);
}

async function packBytes(folder: string): Promise<number> {
  const files = await readdir(join(folder, 'data'), { recursive: true, withFileTypes: true });
  let bytes = 0;
  for (const file of files) if (file.isFile()) bytes += (await readFile(join(file.parentPath, file.name))).length;
  return bytes;
}

for (const version of ['1', '2'])
  describe(`a repository of format ${version} that restic and this program use in turn`, () => {
    let shared: SharedRepository;
    before(async () => {
      shared = await makeSharedRepository('--repository-version', version);
      await fill(shared);
    });
    after(() => shared.remove());

    it('is counted, compared and searched with the same results', async () => {
      const repository = await shared.repository();
      const snapshots = await snapshotsOf(shared);
      for (const mode of ['restore-size', 'files-by-contents', 'blobs-per-file', 'raw-data'] as StatsMode[]) {
        const theirs = JSON.parse(shared.restic('stats', '--json', '--mode', mode)) as Record<string, number>;
        const ours = await repositoryStats(repository, snapshots, { mode, signal });
        assert.equal(ours.sizeBytes, theirs['total_size'], mode);
        if (mode !== 'raw-data') assert.equal(ours.files, theirs['total_file_count'], mode);
        if (theirs['total_blob_count'] !== undefined) assert.equal(ours.blobs, theirs['total_blob_count'], mode);
      }
      const [first, second] = [snapshots[0] as FoundSnapshot, snapshots[2] as FoundSnapshot];
      for (const metadata of [false, true]) {
        const lines: string[] = [];
        const report = await diffSnapshots(repository, [first.snapshot.tree, second.snapshot.tree], {
          metadata,
          signal,
          onChange: ({ path, modifier }) => lines.push(`${modifier.padEnd(5)}${path}`),
        });
        const theirs = shared.restic('diff', ...(metadata ? ['--metadata'] : []), first.id, second.id).split('\n');
        assert.deepEqual(
          lines,
          theirs.filter((line) => /^[-+MTU?]+ +\//.test(line)),
        );
        const numbers = theirs.join(' ').match(/Files: +(\d+) new, +(\d+) removed, +(\d+) changed/);
        assert.deepEqual(numbers?.slice(1).map(Number), [
          report.added.files,
          report.removed.files,
          report.changedFiles,
        ]);
        const blobs = [...theirs.join('\n').matchAll(/(?:Data|Tree) Blobs: +(\d+) new, +(\d+) removed/g)];
        assert.deepEqual(
          blobs.map(([, added, removed]) => [Number(added), Number(removed)]),
          [
            [report.added.dataBlobs, report.removed.dataBlobs],
            [report.added.treeBlobs, report.removed.treeBlobs],
          ],
        );
      }
      for (const pattern of ['*.bin', 'f3*', 'd1/**/f1*', `${data}/d2`, 'F3*', 'e[01]/f?.txt', '/nowhere', 'new*']) {
        const found: string[] = [];
        for await (const { path, snapshot } of findInSnapshots(repository, snapshots, [pattern], { signal }))
          found.push(`${snapshot.id} ${path}`);
        const theirs = JSON.parse(shared.restic('find', '--json', pattern)) as {
          readonly snapshot: string;
          readonly matches: readonly { readonly path: string }[];
        }[];
        const expected = theirs.flatMap(({ snapshot, matches }) => matches.map(({ path }) => `${snapshot} ${path}`));
        assert.deepEqual(found.sort(), expected.sort(), pattern);
      }
      const byTree: string[] = [];
      const ids = { kind: 'tree', ids: [first.snapshot.tree.slice(0, 8)] } as const;
      for await (const { path, type } of findIdsInSnapshots(repository, [first], ids, signal))
        byTree.push(`${type} ${path}`);
      assert.deepEqual(byTree, ['tree /']);
    });

    it('takes tags from both, and keeps the first snapshot as the original', async () => {
      const [first] = await snapshotsOf(shared);
      assert.ok(first);
      const change = { add: ['kept', 'kept'], remove: ['round0'] };
      const [changed] = await tagSnapshots(await shared.repository(), [first], { change, signal });
      const theirs = JSON.parse(shared.restic('snapshots', '--json', changed?.newId ?? '')) as {
        readonly tags: string[];
        readonly original: string;
      }[];
      assert.deepEqual(theirs[0]?.tags, ['kept']);
      shared.restic('tag', '--add', 'more', changed?.newId ?? '');
      const [again] = await snapshotsOf(shared);
      assert.equal(again?.snapshot.original, first.id);
      assert.deepEqual(again.snapshot.tags, ['kept', 'more']);
    });

    it('is pruned after snapshots were forgotten; restic finds nothing wrong, nor anything left to prune', async () => {
      const snapshots = await snapshotsOf(shared);
      const before = await packBytes(shared.folder);
      shared.restic('forget', ...snapshots.slice(0, 3).map(({ id }) => id));
      const told = await prune(await shared.repository(), { maxUnused: 0, dryRun: true, signal });
      const report = await prune(await shared.repository(), { maxUnused: 0, signal });
      assert.deepEqual(report, told);
      assert.ok(report.packs.repack > 0 && report.remove.blobs + report.repackRemove.blobs > 100);
      shared.check();
      const after = await packBytes(shared.folder);
      assert.ok(after < before - report.freedBytes + 200_000, `${before} - ${report.freedBytes} > ${after}`);
      const left = shared.restic('prune', '--max-unused', '0', '--dry-run', '-v');
      assert.match(left, /total prune:\s+0 blobs/);
      const last = snapshots.at(-1) as FoundSnapshot;
      await compareTrees(data, await restored(shared, last.id));
    });

    it('is pruned by restic of what this program wrote, and by this program of what restic then wrote', async () => {
      const snapshots = await snapshotsOf(shared);
      shared.restic('forget', '--prune', '--max-unused', '0', (snapshots[0] as FoundSnapshot).id);
      await shared.backups.backup({ source: data, host: 'box' });
      const report = await prune(await shared.repository(), { maxUnused: 0, signal });
      assert.deepEqual([report.unused.blobs, report.packs.unreferenced], [0, 0]);
      shared.check();
    });

    it('is rewritten without what a pattern excludes', async () => {
      const last = (await snapshotsOf(shared)).at(-1) as FoundSnapshot;
      const options = { exclude: ['*.bin', 'd1/'], forget: false, dryRun: false, signal };
      const [changed] = await rewriteSnapshots(await shared.repository(), [last], options);
      shared.check();
      const target = await restored(shared, changed?.newId ?? '');
      const names = (await readdir(target, { recursive: true })).filter((name) => /\.\w+$/.test(name));
      assert.ok(names.length > 20 && names.every((name) => name.endsWith('.txt')));
      const theirs = JSON.parse(shared.restic('snapshots', '--json', changed?.newId ?? '')) as { tags: string[] }[];
      assert.ok(theirs[0]?.tags.includes('rewrite'));
      await prune(await shared.repository(), { signal });
      shared.check();
    });

    it('has its index made again when it is lost, or names packs that are gone', async () => {
      const indexes = await readdir(join(shared.folder, 'index'));
      for (const name of indexes) await rm(join(shared.folder, 'index', name));
      const repair = await repairIndex(await shared.repository(), { signal });
      assert.ok(repair.added >= 2);
      shared.check();
      const again = await repairIndex(await shared.repository(), { readAllPacks: true, signal });
      assert.equal(again.added, repair.added);
      shared.check();
    });

    it('takes packs of a killed run into the index, and stores nothing of them again', async () => {
      await writeFile(join(data, 'adopted'), randomBytes(3_000_000));
      const indexes = new Set(await readdir(join(shared.folder, 'index')));
      const { id } = await shared.backups.backup({ source: data, host: 'box' });
      for (const name of await readdir(join(shared.folder, 'index')))
        if (!indexes.has(name)) await rm(join(shared.folder, 'index', name));
      await rm(join(shared.folder, 'snapshots', id));
      const fresh = await makeFresh(shared);
      await fresh.loadIndex(signal);
      const adopted = await adoptOrphans(fresh, signal);
      assert.ok(adopted.packs >= 2 && adopted.bytes > 3_000_000);
      shared.check();
      const summary = JSON.parse(shared.restic('backup', '--json', '-q', data).trim().split('\n').at(-1) ?? '{}') as {
        readonly data_blobs: number;
      };
      assert.equal(summary.data_blobs, 0);
    });

    it('loses no more than what was damaged: packs are salvaged, snapshots repaired', async () => {
      const repository = await shared.repository();
      const folders = await readdir(join(shared.folder, 'data'), { recursive: true, withFileTypes: true });
      const packs = folders.filter((file) => file.isFile());
      const sizes = new Map<string, number>();
      for (const pack of packs) sizes.set(pack.name, (await readFile(join(pack.parentPath, pack.name))).length);
      const [victim] = packs.toSorted((a, b) => (sizes.get(b.name) ?? 0) - (sizes.get(a.name) ?? 0));
      assert.ok(victim);
      const path = join(victim.parentPath, victim.name);
      const bytes = await readFile(path);
      bytes[1000] = (bytes[1000] ?? 0) ^ 1;
      await rm(path);
      await writeFile(path, bytes);
      assert.throws(() => shared.check());
      const lost: string[] = [];
      const report = await repairPacks(repository, [victim.name], { signal, onLost: ({ id }) => lost.push(id) });
      assert.equal(report.lostBlobs, 1);
      assert.ok(report.savedBlobs > 5);
      const snapshots = await snapshotsOf(shared);
      const losses: string[] = [];
      const options = { forget: true, dryRun: false, signal, onLoss: (file: string) => losses.push(file) };
      const repaired = await repairSnapshots(repository, snapshots, options);
      assert.ok(repaired.repaired.length > 0 && repaired.lost.length === 0 && losses.length > 0);
      shared.check();
      assert.deepEqual((await repairSnapshots(repository, await snapshotsOf(shared), options)).repaired, []);
    });

    it('loses what a pack of trees held, and nothing else, when that is gone', async () => {
      const repository = await shared.repository();
      const before = await snapshotsOf(shared);
      const { packId } = await treePack(shared, before.at(-1) as FoundSnapshot);
      await rename(join(shared.folder, 'data', packId.slice(0, 2), packId), join(dir, 'gone'));
      const repair = await repairIndex(repository, { signal });
      assert.deepEqual(repair.forgotten, [packId]);
      await repairSnapshots(repository, before, { forget: true, dryRun: false, signal });
      shared.check();
    });
  });

async function makeFresh(shared: SharedRepository) {
  const known = await shared.repository();
  return new (known.constructor as typeof Repository)(known);
}

async function treePack(shared: SharedRepository, { snapshot }: FoundSnapshot): Promise<{ readonly packId: string }> {
  const fresh = await makeFresh(shared);
  await fresh.loadIndex(signal);
  return fresh.index.place(fresh.index.find('tree', Buffer.from(snapshot.tree, 'hex')));
}

describe('two repositories', () => {
  it('copy snapshots to each other: all blobs once, and no snapshot twice', async () => {
    const [one, two] = [await makeSharedRepository(), await makeSharedRepository('--repository-version', '1')];
    try {
      await fill(one);
      const snapshots = await snapshotsOf(one);
      const copy = async () =>
        copySnapshots(await one.repository(), await two.repository(), await snapshotsOf(one), { signal });
      const report = await copy();
      assert.deepEqual([report.copied, report.skipped], [snapshots.length, 0]);
      two.check();
      assert.deepEqual(await copy(), { copied: 0, skipped: snapshots.length, blobs: 0, bytes: 0 });
      const theirs = one.restic('copy', '--from-repo', two.folder, '--from-password-file', await passwordFile());
      assert.match(theirs, /was already copied/);
      await compareTrees(data, await restored(two, 'latest'));
      const back = await makeSharedRepository();
      try {
        const there = await snapshotsOf(two);
        await copySnapshots(await two.repository(), await back.repository(), there.slice(3), { signal });
        back.check();
        await compareTrees(data, await restored(back, 'latest'));
        await assert.rejects(copySnapshots(await one.repository(), await one.repository(), snapshots, { signal }), {
          code: 'vault/bad-options',
        });
      } finally {
        await back.remove();
      }
    } finally {
      await one.remove();
      await two.remove();
    }
  });
});

async function passwordFile(): Promise<string> {
  const file = join(dir, 'password');
  await writeFile(file, 'secret');
  return file;
}

describe('the keys of a repository', () => {
  it('are added, changed and removed so that restic opens it by each that is left', async () => {
    const shared = await makeSharedRepository();
    try {
      const repository = await shared.repository();
      const owner = { host: 'box', user: 'kim', signal };
      const added = await addKey(repository, { password: 'another', ...owner });
      const opens = (password: string): boolean => {
        try {
          shared.restic('--password-command', `echo ${password}`, 'cat', 'config');
          return true;
        } catch {
          return false;
        }
      };
      assert.deepEqual([opens('another'), opens('secret'), opens('wrong')], [true, true, false]);
      assert.deepEqual((await listKeys(repository, signal)).map(({ current }) => String(current)).toSorted(), [
        'false',
        'true',
      ]);
      await assert.rejects(removeKey(repository, repository.keyId, signal), { code: 'vault/bad-options' });
      await changePassword(repository, { password: 'changed', ...owner });
      await removeKey(repository, added, signal);
      assert.deepEqual([opens('changed'), opens('secret'), opens('another')], [true, false, false]);
    } finally {
      await shared.remove();
    }
  });
});
