/** The package as it is published: bundled, without its sources and without a node_modules. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { bundlePackage } from '../fixtures/bundled-package.ts';
import { compareTrees } from '../fixtures/compare-trees.ts';
import { scratchFolder } from './scratch.ts';

const MiB = 1024 * 1024;

/** Small files, a large one and one of text: every thread of the program gets work. */
async function writeTree(tree: string): Promise<void> {
  await mkdir(join(tree, 'many'), { recursive: true });
  for (let index = 0; index < 600; index += 1) await writeFile(join(tree, 'many', `${index}`), `file ${index}\n`);
  await writeFile(join(tree, 'large'), randomBytes(24 * MiB));
  await writeFile(join(tree, 'text'), 'the same line again\n'.repeat(200_000));
}

test('the bundled package backs up into every kind of vault, checks it and restores it', async (t) => {
  const folder = await scratchFolder(t);
  const installed = join(folder, 'installed');
  bundlePackage(installed);
  const tree = join(folder, 'tree');
  await writeTree(tree);
  const vaults = ['archive', 'mirror', 'repository'];
  const settings: Record<string, object> = { repository: { password: 'a-password-of-tests' } };
  const forEach = (make: (type: string) => object): object =>
    Object.fromEntries(vaults.map((type) => [type, make(type)]));
  const configuration = {
    stores: forEach((type) => ({ type: 'local', path: join(folder, 'backups', type) })),
    vaults: forEach((type) => ({ type, store: type, ...settings[type] })),
    jobs: { all: { sources: [{ type: 'directory', path: tree }], vaults } },
  };
  const file = join(folder, 'holdfast.yaml');
  await writeFile(file, JSON.stringify(configuration));
  const run = (...args: string[]): string =>
    execFileSync(process.execPath, [join(installed, 'bin/holdfast.js'), ...args, '--config', file], {
      encoding: 'utf8',
      env: { ...process.env, XDG_CACHE_HOME: join(folder, 'cache'), XDG_STATE_HOME: join(folder, 'state') },
      stdio: 'pipe',
    });
  run('backup');
  const { restorePoints } = JSON.parse(run('list', '--json')) as { restorePoints: { id: string; vault: string }[] };
  assert.deepEqual(restorePoints.map(({ vault }) => vault).sort(), vaults);
  run('check', '--read-data');
  for (const { id, vault } of restorePoints) {
    const target = join(folder, `restored-${vault}`);
    run('restore', id, '--target', target);
    assert.deepEqual(await compareTrees(tree, target), [], vault);
  }
});

test('a checkout runs the bundle until a source is newer than it', async (t) => {
  const folder = await scratchFolder(t);
  bundlePackage(folder);
  await writeFile(join(folder, 'package-lock.json'), '{}');
  await mkdir(join(folder, 'src/cli'), { recursive: true });
  await writeFile(join(folder, 'src/main.ts'), 'console.log("the sources" as string);\n');
  await writeFile(join(folder, 'src/cli/index.ts'), '');
  const paths = ['package-lock.json', 'src/main.ts', 'src/cli/index.ts', 'src/cli', 'src'];
  const touch = (path: string, time: string): Promise<void> =>
    utimes(join(folder, path), new Date(time), new Date(time));
  const says = (): string =>
    execFileSync(process.execPath, [join(folder, 'bin/holdfast.js'), '--version'], { encoding: 'utf8' });
  for (const path of paths) await touch(path, '2001-01-01');
  const version = says();
  assert.match(version, /^\d+\.\d+\.\d+\n$/);
  for (const path of ['src/cli/index.ts', 'src/cli', 'package-lock.json']) {
    await touch(path, '2101-01-01');
    assert.equal(says(), 'the sources\n', path);
    await touch(path, '2001-01-01');
    assert.equal(says(), version);
  }
});
