import assert from 'node:assert/strict';
import { chmod, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { MiB } from '../../src/base/bytes.ts';
import type { RestorePoint } from '../../src/vault/index.ts';
import { decodeSnapshot, type Snapshot } from '../../src/vault/repository/format/snapshot-file.ts';
import type { RepositoryVault } from '../../src/vault/repository/index.ts';
import { scratchFolder } from '../e2e/scratch.ts';
import { makeSmallTree } from '../faults/small-tree.ts';
import { compareTrees } from '../fixtures/compare-trees.ts';
import { makeJudgedTrees } from '../fixtures/judged-trees.ts';
import { backUp, restic, resticBackup, restore, withVault } from '../fixtures/repository-vault.ts';

/** What Debian's restic (0.14) has written, we read, prove and go on from. */

const cleanups: (() => unknown)[] = [];
const { signal } = new AbortController();
let scratch: string;
let oddTree: string;
let tree: string;

before(async () => {
  process.env['TZ'] = 'UTC';
  scratch = await scratchFolder({ after: (clean) => cleanups.push(clean) });
  ({ oddTree, tree } = await makeJudgedTrees(scratch));
  await chmod(join(tree, 'a/b'), 0o1750);
});

after(async () => {
  for (const clean of cleanups) await clean();
});

/** 0.14 itself loses these: bytes of targets that are no UTF-8, attributes of symlinks. */
const lostByOldRestic = /links\/bytes|xattr\/symlink/;

async function snapshotOf(vault: RepositoryVault, { id }: RestorePoint): Promise<Snapshot> {
  const repository = await vault.open(signal, false);
  return decodeSnapshot(await repository.loadFile('snapshots', id));
}

const pointOf = (points: readonly RestorePoint[], path: string): RestorePoint =>
  points.find(({ source }) => source.paths[0] === path) ?? assert.fail(`there is nothing of ${path}`);

for (const [title, options] of [
  ['version 2', []],
  ['version 1', ['--repository-version', '1']],
] as const)
  describe(`a repository of ${title} that restic has written`, () => {
    let repository: string;

    before(() => {
      repository = join(scratch, title.replace(' ', '-'));
      restic(repository, ['init', ...options]);
      resticBackup(repository, '--tag', 'theirs', oddTree);
      resticBackup(repository, tree);
    });

    test('is listed, with what restic says of each', async () => {
      const points = await withVault(repository, (vault) => vault.list({ signal }));
      assert.equal(points.length, 2);
      const { job, tags, status, format, source } = pointOf(points, oddTree);
      assert.deepEqual(
        { job, tags, status, format, name: source.name },
        {
          job: 'restic',
          tags: ['theirs'],
          status: 'ok',
          format: `repository/restic-v${title.at(-1)}`,
          name: 'odd',
        },
      );
    });

    test('gives equal trees, and nothing is wrong with it', async () => {
      await withVault(repository, async (vault) => {
        const points = await vault.list({ signal });
        const targets = [
          [tree, join(scratch, `${title} tree`)],
          [oddTree, join(scratch, `${title} odd`)],
        ] as const;
        for (const [original, target] of targets) {
          const point = pointOf(points, original);
          assert.deepEqual(await restore(vault, point, target), []);
          const differences = await compareTrees(original, target);
          assert.deepEqual(
            differences.filter((line) => !lostByOldRestic.test(line) && !/: sparse /.test(line)),
            [],
          );
          assert.deepEqual(await vault.verify(point, { readData: true, signal }), []);
        }
      });
    });

    test('is gone on from: our next backup adds no data, and no tree', async () => {
      await withVault(repository, async (vault) => {
        const theirs = pointOf(await vault.list({ signal }), tree);
        const { parent, summary } = await snapshotOf(vault, await backUp(vault, tree));
        assert.equal(parent, theirs.id);
        // The folders above, where other programs are at work, may have changed since.
        assert.ok(Number(summary?.treeBlobs) <= tree.split('/').length, `${summary?.treeBlobs} trees`);
        assert.deepEqual([summary?.dataBlobs, summary?.filesNew], [0, 0]);
        assert.ok(Number(summary?.filesUnmodified) >= 304);
        const odd = await snapshotOf(vault, await backUp(vault, oddTree));
        assert.equal(odd.summary?.dataBlobs, 0);
      });
      assert.match(restic(repository, ['check', '--read-data']), /no errors were found/);
    });

    test('takes new content of ours, which restic reads', async () => {
      const own = join(scratch, `new-${title.at(-1)}`);
      await makeSmallTree(own);
      await writeFile(join(own, 'compressible'), Buffer.alloc(3 * MiB, `all alike in ${title}`));
      const { id } = await withVault(repository, (vault) => backUp(vault, own));
      assert.match(restic(repository, ['check', '--read-data']), /no errors were found/);
      const target = join(scratch, `restored-${title.at(-1)}`);
      restic(repository, ['restore', id, '--target', target]);
      assert.deepEqual(await compareTrees(own, join(target, own)), []);
    });
  });

test('several paths, a single file and what comes from stdin are read as restic keeps them', async () => {
  const repository = join(scratch, 'kinds');
  restic(repository, ['init']);
  resticBackup(repository, join(tree, 'many'), join(tree, 'a'));
  resticBackup(repository, join(tree, 'z-last'));
  restic(repository, ['backup', '--stdin', '--stdin-filename', 'dump.sql'], { input: 'SELECT 1;\n' });
  await withVault(repository, async (vault) => {
    const points = await vault.list({ signal });
    assert.equal(points.length, 3);
    const [both, single, dump] = points as [RestorePoint, RestorePoint, RestorePoint];
    const target = join(scratch, 'both');
    assert.deepEqual(await restore(vault, both, target), []);
    assert.deepEqual(await compareTrees(join(tree, 'many'), join(target, tree, 'many')), []);
    const alone = join(scratch, 'alone');
    assert.deepEqual(await restore(vault, single, alone), []);
    assert.deepEqual(
      (await compareTrees(tree, alone)).filter((line) => line.startsWith('./z-last')),
      [],
    );
    const dumped = join(scratch, 'dumped');
    assert.deepEqual(await restore(vault, dump, dumped), []);
    assert.equal(await readFile(join(dumped, 'dump.sql'), 'utf8'), 'SELECT 1;\n');
    for (const point of points) assert.deepEqual(await vault.verify(point, { readData: true, signal }), []);
  });
});
