/** `holdfast backup --with-atime`: access times in snapshots, as restic writes and restores them. */
import assert from 'node:assert/strict';
import { lstat, lutimes, readdir, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { emptyRepository, type Place } from './empty-repository.ts';
import { restic, resticSnapshots } from './restic.ts';
import { assertFails, holdfast } from './scratch.ts';

interface Times {
  readonly atime: bigint;
  readonly mtime: bigint;
}

/** The times of the tree and of all that is in it, by paths such as "tree/a.txt". Nothing is read for it. */
async function timesIn(folder: string, names: readonly string[]): Promise<Record<string, Times>> {
  const times: Record<string, Times> = {};
  for (const name of names) {
    const { atimeNs, mtimeNs } = await lstat(join(folder, name), { bigint: true });
    times[name] = { atime: atimeNs, mtime: mtimeNs };
  }
  return times;
}

/** "2024-02-29T13:45:00.123456789+01:00" in nanoseconds since 1970. */
function nsOf(time: string): bigint {
  const [, seconds = '', fraction = '', zone = ''] = /^([^.Z+]*?)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)$/.exec(time) ?? [];
  return BigInt(Date.parse(seconds + zone)) * 1_000_000n + BigInt(fraction.padEnd(9, '0'));
}

/** The times in a snapshot, as restic tells them. */
function keptTimes(id: string, { options }: Place): Record<string, Times> {
  const lines = restic(['ls', '--json', id], options).trim().split('\n').slice(1);
  const nodes = lines.map((line) => JSON.parse(line) as { path: string; atime: string; mtime: string });
  return Object.fromEntries(
    nodes.map(({ path, atime, mtime }) => [path.slice(1), { atime: nsOf(atime), mtime: nsOf(mtime) }]),
  );
}

async function treeWithTimes(place: Place): Promise<readonly string[]> {
  const tree = join(place.folder, 'tree');
  await writeFile(join(tree, 'large'), Buffer.alloc(400_000, 'large'));
  await utimes(join(tree, 'a.txt'), 1_500_000_000, 1_600_000_000);
  await utimes(join(tree, 'b.tmp'), 1_200_000_000, 1_600_000_000);
  await utimes(join(tree, 'large'), 4_100_000_000, 1_600_000_000);
  await utimes(join(tree, 'deep/er/c.txt'), 1_700_000_000, 1_600_000_000.5);
  await lutimes(join(tree, 'link'), 1_000_000_000, 1_600_000_000);
  await utimes(join(tree, 'deep'), 1_400_000_000, 1_600_000_000);
  return ['tree', ...(await readdir(tree, { recursive: true })).map((name) => join('tree', name))];
}

for (const [program, backUp] of Object.entries({ holdfast, restic }))
  test(`with --with-atime ${program} keeps when all was last read, and else the time of the last change`, async (t) => {
    const place = await emptyRepository(t);
    const { folder, options } = place;
    const names = await treeWithTimes(place);
    const seen = new Set<string>();
    // What has not changed is taken from the snapshot before, but for its access times.
    for (const flags of [[], ['--with-atime'], ['--with-atime'], []]) {
      const times = await timesIn(folder, names);
      const changes = Object.entries(times).map(([name, { mtime }]) => [name, { atime: mtime, mtime }] as const);
      await backUp(['backup', ...flags, 'tree'], options);
      const [id = '', ...others] = resticSnapshots(options).flatMap((one) => (seen.has(one.id) ? [] : [one.id]));
      assert.equal(others.length, 0);
      seen.add(id);
      assert.deepEqual(keptTimes(id, place), flags.length > 0 ? times : Object.fromEntries(changes));
    }
  });

test('a restore puts access times back, as restic does', async (t) => {
  const place = await emptyRepository(t);
  const { folder, options } = place;
  const names = (await treeWithTimes(place)).filter((name) => !['tree', 'tree/deep', 'tree/deep/er'].includes(name));
  await holdfast(['backup', '--with-atime', 'tree'], options);
  const kept = keptTimes('latest', place);
  await holdfast(['restore', 'latest', '--target', 'ours'], options);
  restic(['restore', 'latest', '--target', 'theirs'], options);
  const expected = Object.fromEntries(names.map((name) => [name, kept[name]]));
  assert.deepEqual(await timesIn(join(folder, 'ours'), names), expected);
  assert.deepEqual(await timesIn(join(folder, 'theirs'), names), expected);
  await assertFails(
    ['backup', 'tree', '--to', 'vault', '--with-atime'],
    { status: 1, says: [/--with-atime is for a repository/] },
    { cwd: folder, env: { HOME: folder } },
  );
});
