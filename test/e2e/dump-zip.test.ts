/** `holdfast dump --archive zip`, beside the zip that restic makes of the same folder. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { chmod, link, lutimes, mkdir, readFile, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { compareTrees } from '../fixtures/compare-trees.ts';
import { membersOfZip, type ZipFileMember } from '../fixtures/zip-members.ts';
import { program } from './holdfast.ts';
import { assertFails, holdfast, scratchFolder } from './scratch.ts';
import { restic } from './restic.ts';

const someTime = 1_600_000_001;

async function writeTree(tree: string): Promise<void> {
  await mkdir(join(tree, 'in/deep/empty'), { recursive: true });
  await mkdir(join(tree, 'in/größe'));
  await writeFile(join(tree, 'a-first'), 'a first name outside of the folder');
  await writeFile(join(tree, 'in/deep/file'), 'x'.repeat(100_000));
  await writeFile(join(tree, 'in/none'), '');
  await writeFile(join(tree, 'in/größe/日本語 \\ ~'), 'ü');
  await writeFile(Buffer.concat([Buffer.from(join(tree, 'in/no utf8 ')), Buffer.from([0xff])]), 'f');
  await writeFile(join(tree, 'in/large'), Buffer.alloc(9_000_000, 'large'));
  await symlink('deep/file', join(tree, 'in/symlink'));
  for (const name of ['second', 'third']) await link(join(tree, 'in/deep/file'), join(tree, 'in', name));
  for (const name of ['a', 'b']) await link(join(tree, 'in/large'), join(tree, 'in', `large-${name}`));
  await link(join(tree, 'a-first'), join(tree, 'in/linked'));
  await chmod(join(tree, 'in/deep/file'), 0o4751);
  await chmod(join(tree, 'in/none'), 0o400);
  await chmod(join(tree, 'in/deep/empty'), 0o1777);
  for (const name of ['in/deep/file', 'in/none', 'a-first', 'in/large', 'in/deep/empty', 'in/deep', 'in/größe'])
    await utimes(join(tree, name), someTime, someTime);
  await utimes(join(tree, 'in/größe/日本語 \\ ~'), 1e9, 1e9 + 0.75);
  await lutimes(join(tree, 'in/symlink'), 1e9, 1e9);
}

const byName = (members: readonly ZipFileMember[]): readonly ZipFileMember[] =>
  members.toSorted((a, b) => (a.name < b.name ? -1 : 1));

/** Writes the bytes that ours prints to a file. */
function ourZip(file: string, args: readonly string[], env: Readonly<Record<string, string>>): string {
  const { status, stderr } = spawnSync('sh', ['-c', 'exec "$@" > "$0"', file, process.execPath, program, ...args], {
    env: { ...process.env, ...env },
    encoding: 'utf8',
  });
  assert.equal(status, 0, stderr);
  return file;
}

for (const zone of ['UTC', 'America/St_Johns'])
  test(`a folder as a zip has what restic’s has: names, modes, times, links, contents, in the zone ${zone}`, async (t) => {
    const folder = await scratchFolder(t);
    await writeTree(join(folder, 'tree'));
    const repository = { RESTIC_REPOSITORY: join(folder, 'repo'), RESTIC_PASSWORD: 'a-password-of-tests' };
    const env = { ...repository, HOME: folder, TZ: zone };
    const options = { cwd: folder, env };
    restic(['init'], options);
    restic(['backup', 'tree'], options);
    for (const path of ['/tree/in', '/']) {
      const ours = ourZip(join(folder, 'ours.zip'), ['dump', '--archive', 'zip', 'latest', path], env);
      const theirs = join(folder, 'theirs.zip');
      execFileSync('sh', ['-c', 'exec restic --no-cache dump -a zip latest "$1" > "$0"', theirs, path], {
        env: { ...process.env, ...env },
      });
      assert.deepEqual(byName(membersOfZip(ours)), byName(membersOfZip(theirs)));
      assert.match(execFileSync('unzip', ['-t', ours], { encoding: 'utf8' }), /No errors detected/);
    }
  });

for (const type of ['archive', 'mirror', 'repository'])
  test(`a folder of a restore point in a vault of the type ${type} is unzipped to what it was`, async (t) => {
    const folder = await scratchFolder(t);
    const tree = join(folder, 'tree');
    await mkdir(join(tree, 'in/deep'), { recursive: true });
    await writeFile(join(tree, 'a-first'), 'outside');
    await writeFile(join(tree, 'in/deep/file'), 'x'.repeat(100_000), { mode: 0o640 });
    await symlink('file', join(tree, 'in/deep/symlink'));
    for (const name of ['in/deep', 'in']) await utimes(join(tree, name), someTime, someTime);
    const configuration = {
      stores: { disk: { type: 'local', path: join(folder, 'backups') } },
      vaults: { vault: { type, store: 'disk', ...(type === 'repository' && { password: 'a-password-of-tests' }) } },
      jobs: { all: { sources: [{ type: 'directory', path: tree }], vaults: ['vault'] } },
    };
    const env = { HOLDFAST_CONFIG: join(folder, 'holdfast.yaml'), HOME: folder };
    for (const name of ['a-first', 'in/deep/file']) await utimes(join(tree, name), someTime, someTime);
    await lutimes(join(tree, 'in/deep/symlink'), someTime, someTime);
    await writeFile(env.HOLDFAST_CONFIG, JSON.stringify(configuration));
    await holdfast(['backup'], { env });
    const zip = ourZip(join(folder, 'in.zip'), ['dump', 'latest', 'in', '-a', 'zip'], env);
    execFileSync('unzip', ['-q', zip, '-d', join(folder, 'out')]);
    execFileSync('touch', ['-h', '-d', `@${someTime}`, join(folder, 'out/in/deep/symlink')]); // unzip leaves its time alone
    execFileSync('touch', ['-d', `@${someTime}`, join(folder, 'out/in')]); // it is the way to what is in it alone
    assert.deepEqual(await compareTrees(join(tree, 'in'), join(folder, 'out/in')), []);
    const file = ourZip(join(folder, 'file'), ['dump', 'latest', 'in/deep/file', '-a', 'zip'], env);
    assert.equal(await readFile(file, 'utf8'), 'x'.repeat(100_000));
    await assertFails(
      ['dump', 'latest', '/nowhere', '-a', 'zip'],
      { status: 2, says: [/holds no "\/nowhere"/] },
      { env },
    );
    await assertFails(['dump', 'latest', 'in', '-a', 'rar'], { status: 1, says: [/tar, zip/] }, { env });
  });
