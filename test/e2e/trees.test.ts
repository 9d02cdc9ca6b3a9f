import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { compareTrees } from '../fixtures/compare-trees.ts';
import { makeOddTree } from '../fixtures/odd-tree.ts';
import { sharedS3Server, type S3Server } from '../servers/s3.ts';
import { s3Environment } from './s3-environment.ts';
import { filesIn, holdfast, listPoints, pointOf, scratchFolder } from './scratch.ts';

let s3: S3Server;
let tree: string;
const cleanups: (() => unknown)[] = [];

before(async () => {
  s3 = await sharedS3Server();
  tree = join(await scratchFolder({ after: (clean) => cleanups.push(clean) }), 'odd');
  await makeOddTree(tree);
});

after(async () => {
  await s3.stop();
  for (const clean of cleanups) await clean();
});

for (const compression of ['gzip', 'zstd', 'none'] as const)
  test(`the odd tree comes back equal from a disk and from S3 after one run, with ${compression}`, async (t) => {
    const folder = await scratchFolder(t);
    const disk = join(folder, 'vault');
    const bucket = `s3://${await s3.createBucket()}/some/prefix`;
    const env = s3Environment(s3);
    await holdfast(['backup', tree, '--to', disk, '--to', bucket, '--compression', compression], { env });
    for (const [index, from] of [disk, bucket].entries()) {
      const points = [...(await listPoints(from, { env })).values()];
      assert.deepEqual(
        points.map(({ source, status }) => [source.type, source.name, status]),
        [['directory', 'odd', 'ok']],
      );
      const target = join(folder, `restored-${index}`);
      await holdfast(['verify', '--read-data', '--from', from], { env });
      await holdfast(['restore', 'latest', '--from', from, '--target', target], { env });
      assert.deepEqual(await compareTrees(tree, target), []);
    }
  });

test('several sources are kept in several vaults by one run, as one set', async (t) => {
  const folder = await scratchFolder(t);
  const second = join(folder, 'second');
  await mkdir(second);
  await writeFile(join(second, 'letter'), 'Dear reader\n');
  const vaults = [join(folder, 'vault'), `s3://${await s3.createBucket()}`];
  const env = s3Environment(s3);
  const { stdout } = await holdfast(['backup', tree, second, ...vaults.flatMap((to) => ['--to', to]), '--json'], {
    env,
  });
  const run = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as { runId: string };
  for (const [index, from] of vaults.entries()) {
    const listed = await holdfast(['list', '--from', from, '--json'], { env });
    const { restorePoints } = JSON.parse(listed.stdout) as { restorePoints: { runId: string }[] };
    assert.deepEqual(
      restorePoints.map(({ runId }) => runId),
      [run.runId, run.runId],
    );
    for (const [name, source] of Object.entries({ odd: tree, second })) {
      const target = join(folder, `restored-${index}-${name}`);
      await holdfast(['restore', await pointOf(name, from, { env }), '--from', from, '--target', target], { env });
      assert.deepEqual(await compareTrees(source, target), []);
    }
  }
});

test('a single file, and an empty folder, come back', async (t) => {
  const folder = await scratchFolder(t);
  const [file, empty, vault] = [join(folder, 'letter.txt'), join(folder, 'empty'), join(folder, 'vault')];
  await writeFile(file, 'Dear reader\n');
  await mkdir(empty, { mode: 0o750 });
  await holdfast(['backup', file, empty, '--to', vault]);
  const target = join(folder, 'restored');
  await holdfast(['restore', await pointOf('letter.txt', vault), '--from', vault, '--target', target]);
  assert.deepEqual(await filesIn(target), ['letter.txt']);
  await holdfast(['restore', await pointOf('empty', vault), '--from', vault, '--target', join(folder, 'nothing')]);
  assert.deepEqual(await compareTrees(empty, join(folder, 'nothing')), []);
});
