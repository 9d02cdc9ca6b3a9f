/** A folder of a restore point: `holdfast dump` of it is a tar, which GNU tar extracts to what is there; restored alone it is whole. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmod, link, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { compareTrees } from '../fixtures/compare-trees.ts';
import { program, runHoldfast } from './holdfast.ts';
import { restic } from './restic.ts';
import { assertFails, filesIn, holdfast, scratchFolder } from './scratch.ts';

/** A folder `in` with names of files in it and outside, before and behind it. */
async function writeTree(tree: string): Promise<void> {
  await mkdir(join(tree, 'in/deep/empty'), { recursive: true });
  await mkdir(join(tree, 'inner'), { recursive: true });
  await writeFile(join(tree, 'a-first'), 'a first name outside of the folder');
  await writeFile(join(tree, 'in/deep/file'), 'x'.repeat(100_000));
  await chmod(join(tree, 'in/deep/file'), 0o4751);
  await symlink('file', join(tree, 'in/deep/symlink'));
  await link(join(tree, 'in/deep/file'), join(tree, 'in/second'));
  await link(join(tree, 'a-first'), join(tree, 'in/deep/linked-1'));
  await link(join(tree, 'a-first'), join(tree, 'in/linked-2'));
  await link(join(tree, 'in/second'), join(tree, 'z-last'));
  await writeFile(join(tree, 'inner/not'), 'begins alike');
}

for (const type of ['archive', 'mirror', 'repository'])
  test(`a folder of a restore point in a vault of the type ${type} is dumped as a tar`, async (t) => {
    const folder = await scratchFolder(t);
    const tree = join(folder, 'tree');
    await writeTree(tree);
    const configuration = {
      stores: { disk: { type: 'local', path: join(folder, 'backups') } },
      vaults: { vault: { type, store: 'disk', ...(type === 'repository' && { password: 'a-password-of-tests' }) } },
      jobs: { all: { sources: [{ type: 'directory', path: tree }], vaults: ['vault'] } },
    };
    const options = { cwd: folder, env: { HOLDFAST_CONFIG: join(folder, 'holdfast.yaml'), HOME: folder } };
    await writeFile(options.env.HOLDFAST_CONFIG, JSON.stringify(configuration));
    await holdfast(['backup'], options);
    const extracted = async (name: string, path: string): Promise<string> => {
      const out = join(folder, name);
      await mkdir(out);
      const tar = execFileSync(process.execPath, [program, 'dump', 'latest', path], {
        env: { ...process.env, ...options.env },
      });
      execFileSync('tar', ['-xpf', '-', '-C', out], { input: tar });
      return out;
    };
    const everything = await extracted('everything', '/');
    // The root itself is not in it.
    for (const program of ['touch', 'chmod']) execFileSync(program, [`--reference=${tree}`, everything]);
    assert.deepEqual(await compareTrees(tree, everything), []);
    const inner = await extracted('inner', 'in');
    assert.deepEqual((await readdir(inner)).sort(), ['in']);
    const [first, second] = await Promise.all(
      ['deep/linked-1', 'linked-2'].map((name) => stat(join(inner, 'in', name))),
    );
    assert.equal(first?.ino, second?.ino);
    assert.equal(await readFile(join(inner, 'in/linked-2'), 'utf8'), 'a first name outside of the folder');
    const alone = join(folder, 'alone');
    await holdfast(['restore', 'latest:in', '--target', alone, '--verify'], options);
    assert.deepEqual(await filesIn(alone), ['deep/file', 'deep/linked-1', 'deep/symlink', 'linked-2', 'second']);
    for (const [one, other] of [
      ['deep/linked-1', 'linked-2'],
      ['deep/file', 'second'],
    ] as const) {
      const [first, second] = await Promise.all([one, other].map((name) => stat(join(alone, name))));
      assert.equal(first?.ino, second?.ino, one);
      assert.deepEqual(await readFile(join(alone, one)), await readFile(join(tree, 'in', one)));
    }
    const { stdout } = await holdfast(['dump', 'latest', '/in/linked-2', '--archive', 'tar'], options);
    assert.equal(stdout, 'a first name outside of the folder');
    await assertFails(['dump', 'latest', '/nowhere'], { status: 2, says: [/holds no "\/nowhere"/] }, options);
    await assertFails(['dump', 'latest', 'in/deep/symlink'], { status: 2, says: [/is a symlink/] }, options);
  });

const membersOf = (tar: string): readonly string[] =>
  execFileSync('tar', ['-tf', '-'], { input: tar, encoding: 'utf8' }).trim().split('\n').sort();

test('a folder of a snapshot has the members in the tar that restic gives it', async (t) => {
  const folder = await scratchFolder(t);
  await writeTree(join(folder, 'tree'));
  const env = { RESTIC_REPOSITORY: join(folder, 'repo'), RESTIC_PASSWORD: 'a-password-of-tests', HOME: folder };
  const options = { cwd: folder, env };
  restic(['init'], options);
  restic(['backup', 'tree'], options);
  for (const path of ['/tree/in', '/']) {
    const { stdout } = await runHoldfast(['dump', 'latest', path], options);
    assert.deepEqual(membersOf(stdout), membersOf(restic(['dump', 'latest', path], options)));
  }
});
