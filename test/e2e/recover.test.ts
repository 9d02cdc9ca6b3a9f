/** `holdfast recover`, beside restic's. */
import assert from 'node:assert/strict';
import { cp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { emptyRepository, type Place } from './empty-repository.ts';
import { restic, type ResticOptions, resticSnapshots } from './restic.ts';
import { assertFailed, holdfast } from './scratch.ts';
import { runHoldfast } from './holdfast.ts';

interface TreeDocument {
  readonly nodes: readonly { readonly name: string; readonly type: string; readonly subtree: string }[];
}

/** The folders at the top of the snapshot that a recovery has made, with their trees. */
function recovered(options: ResticOptions): readonly unknown[] {
  const [made, another] = resticSnapshots(options).filter(({ paths }) => paths.join() === '/recover');
  assert.ok(made && !another);
  assert.deepEqual(made.tags, ['recovered']);
  const { nodes } = JSON.parse(restic(['cat', 'blob', made.tree], options)) as TreeDocument;
  return nodes.map(({ name, type, subtree }) => ({ name, type, subtree }));
}

/** Two snapshots of which nothing is left but what they hold, and one that stays. */
async function withForgotten({ folder, options }: Place): Promise<void> {
  await holdfast(['backup', 'tree'], options);
  await writeFile(join(folder, 'tree/deep/lost'), 'lost and found');
  await holdfast(['backup', 'tree'], options);
  const ids = resticSnapshots(options).map(({ id }) => id);
  await rm(join(folder, 'tree/deep'), { recursive: true });
  await holdfast(['backup', 'tree', '--force'], options);
  await holdfast(['forget', ...ids], options);
  assert.equal(resticSnapshots(options).length, 1);
}

test('what was forgotten and not pruned is in one snapshot again, as restic recovers it', async (t) => {
  const place = await emptyRepository(t);
  const { folder, options } = place;
  await withForgotten(place);
  const theirs = { cwd: folder, env: { ...options.env, RESTIC_REPOSITORY: join(folder, 'theirs') } };
  await cp(join(folder, 'repo'), join(folder, 'theirs'), { recursive: true });
  restic(['recover'], theirs);
  const { stdout } = await holdfast(['recover'], options);
  assert.match(stdout, /^2 folder\(s\) that no snapshot had are in the snapshot [0-9a-f]{8}$/m);
  assert.deepEqual(recovered(options), recovered(theirs));
  await holdfast(['restore', 'latest', '--path', '/recover', '--target', 'out'], options);
  const contents = await Promise.all(
    (recovered(options) as readonly { name: string }[]).map(({ name }) =>
      readFile(join(folder, 'out', name, 'tree/deep/lost'), 'utf8').catch(() => undefined),
    ),
  );
  assert.deepEqual(contents.filter(Boolean), ['lost and found']);
  await holdfast(['prune'], options);
  restic(['check', '--read-data'], options);
});

test('where nothing was forgotten nothing is made', async (t) => {
  const { options } = await emptyRepository(t);
  for (const expected of [0, 1]) {
    const { stdout } = await holdfast(['recover', '--json'], options);
    assert.deepEqual(JSON.parse(stdout), { type: 'recovered', trees: [] });
    assert.equal(resticSnapshots(options).length, expected);
    await holdfast(['backup', 'tree'], options);
  }
});

test('a tree that is damaged is left out and named, and the others are recovered', async (t) => {
  const place = await emptyRepository(t);
  const { folder, options } = place;
  await withForgotten(place);
  const blobs = JSON.parse(
    (await holdfast(['cat', 'index', await newestIndexOf(place)], options)).stdout,
  ) as IndexDocument;
  const pack = blobs.packs.find((one) => one.blobs.some(({ type }) => type === 'tree'));
  const [blob] = pack?.blobs.filter(({ type }) => type === 'tree') ?? [];
  assert.ok(pack && blob);
  const file = join(folder, 'repo/data', pack.id.slice(0, 2), pack.id);
  const bytes = await readFile(file);
  bytes.fill(0, blob.offset, blob.offset + blob.length);
  await writeFile(file, bytes);
  const result = await runHoldfast(['recover'], options);
  assertFailed(result, { status: 3, says: [new RegExp(`the tree ${blob.id} is left out`)] });
  assert.match(result.stdout, /that no snapshot had are in the snapshot/);
  assert.ok(recovered(options).length > 0);
});

interface IndexDocument {
  readonly packs: readonly {
    readonly id: string;
    readonly blobs: readonly {
      readonly id: string;
      readonly type: string;
      readonly offset: number;
      readonly length: number;
    }[];
  }[];
}

/** An index that names trees of the forgotten snapshots. */
async function newestIndexOf({ options }: Place): Promise<string> {
  const kept = resticSnapshots(options)[0]?.tree ?? '';
  for (const id of restic(['list', 'index'], options).trim().split('\n')) {
    const index = (await holdfast(['cat', 'index', id], options)).stdout;
    if (!index.includes(kept)) return id;
  }
  throw new Error('every index names the tree that is kept');
}
