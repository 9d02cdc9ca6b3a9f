/** restic writes: its repositories are listed, read, restored, verified and checked, and damage to them is found. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, open, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { MiB } from '../../src/base/bytes.ts';
import { systemClock } from '../../src/base/clock.ts';
import { silentLogger } from '../../src/base/log.ts';
import { restoreTree } from '../../src/source/index.ts';
import { LocalStore } from '../../src/store/local/index.ts';
import { checkRepository } from '../../src/vault/repository/check/check-repository.ts';
import { RepositoryVault } from '../../src/vault/repository/index.ts';
import type { RestorePoint } from '../../src/vault/vault.ts';
import { compareTrees } from '../fixtures/compare-trees.ts';
import { makeOddTree } from '../fixtures/odd-tree.ts';

const run = promisify(execFile);
const never = new AbortController().signal;
const password = 'correct horse';
let folder = '';

const restic = (repository: string, ...args: readonly string[]): Promise<{ stdout: string }> => {
  const environment = { RESTIC_PASSWORD: password, RESTIC_CACHE_DIR: join(folder, 'cache') };
  const options = { env: { ...process.env, ...environment }, maxBuffer: 64 * MiB };
  return run('restic', ['--quiet', '--repo', repository, ...args], options);
};

const vaultOf = (path: string, wholePaths = false): RepositoryVault =>
  new RepositoryVault(
    { type: 'repository', password, wholePaths },
    { name: 'test', store: new LocalStore(path, systemClock), clock: systemClock, logger: silentLogger },
  );

async function restored(vault: RepositoryVault, point: RestorePoint, name: string): Promise<string> {
  const target = join(folder, name);
  const problems: unknown[] = [];
  await restoreTree(vault.read(point, never), target, {
    signal: never,
    logger: silentLogger,
    onProblem: (problem) => problems.push(problem),
  });
  assert.deepEqual(problems, []);
  return target;
}

/** What restic 0.14 does not store: of symlinks, targets that are no UTF-8, and attributes. */
const notStored = ['./links/bytes: linkTarget', 'xattr/symlink: attributes trusted.on-link'];
/** What it stores and does not restore: that two symlinks are one, and holes. */
const notRestored = ['./links/dangling: hardLinks', './links/dangling-hard: hardLinks', './sparse/'];

const except = (differences: readonly string[], known: readonly string[]): string[] =>
  differences.filter((difference) => !known.some((beginning) => difference.startsWith(beginning)));

/** Changes one byte in the middle of a file. */
async function flip(path: string): Promise<void> {
  const file = await open(path, 'r+');
  try {
    const middle = Math.floor((await file.stat()).size / 2);
    const { buffer } = await file.read(Buffer.alloc(1), 0, 1, middle);
    await file.write(Buffer.from([(buffer[0] ?? 0) ^ 1]), 0, 1, middle);
  } finally {
    await file.close();
  }
}

async function filesIn(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

describe('a repository that restic wrote', () => {
  let odd = '';
  let repository = '';

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-restic-reading-'));
    odd = join(folder, 'odd');
    repository = join(folder, 'repository');
    await makeOddTree(odd);
    await restic(repository, 'init');
    await restic(repository, 'backup', odd);
  });

  after(() => rm(folder, { recursive: true, force: true }));

  it('is listed, verified and restored as the tree was, the oddest file included', async () => {
    const vault = vaultOf(repository);
    const [point] = await vault.list({ signal: never });
    assert.ok(point);
    assert.deepEqual(point.source.paths, [odd]);
    assert.deepEqual(await vault.verify(point, { readData: true, signal: never }), []);
    const differences = await compareTrees(odd, await restored(vault, point, 'as-it-was'));
    assert.deepEqual(except(differences, notStored), []);
  });

  it('is restored below "/" with whole paths, as restic does', async () => {
    const vault = vaultOf(repository, true);
    const [point] = await vault.list({ signal: never });
    assert.ok(point);
    const target = await restored(vault, point, 'whole');
    await restic(repository, 'restore', 'latest', '--target', join(folder, 'by-restic'));
    const differences = await compareTrees(join(target, odd), join(folder, 'by-restic', odd));
    assert.deepEqual(except(differences, notRestored), []);
    assert.deepEqual(await readdir(target), await readdir(join(folder, 'by-restic')));
  });

  it('gives a single file that was backed up, several paths, and what came through a pipe', async () => {
    const several = join(folder, 'several');
    const files = join(folder, 'files');
    await mkdir(join(files, 'sub'), { recursive: true });
    await writeFile(join(files, 'one'), 'one');
    await writeFile(join(files, 'sub/two'), 'two');
    await restic(several, 'init');
    const pathsOf = async (): Promise<string[]> => {
      const vault = vaultOf(several);
      const point = (await vault.list({ signal: never })).at(-1);
      assert.ok(point);
      return Array.fromAsync(vault.read(point, never), ({ path }) => path.toString());
    };
    await restic(several, 'backup', join(files, 'one'));
    assert.deepEqual(await pathsOf(), ['', 'one']);
    await restic(several, 'backup', join(files, 'one'), join(files, 'sub'));
    const below = join(files, 'sub/two').slice(1);
    assert.deepEqual((await pathsOf()).slice(-3), [below.replace('sub/two', 'one'), below.replace('/two', ''), below]);
    await run(
      'sh',
      ['-c', 'echo text | restic --quiet --repo "$0" backup --stdin --stdin-filename dump.sql', several],
      {
        env: { ...process.env, RESTIC_PASSWORD: password, RESTIC_CACHE_DIR: join(folder, 'cache') },
      },
    );
    assert.deepEqual(await pathsOf(), ['', 'dump.sql']);
  });

  it('is sound to the check, and a changed byte in any file is found, as restic finds it', async () => {
    const damaged = join(folder, 'damaged');
    const check = async () =>
      checkRepository(await vaultOf(damaged).open(never, false), { readData: true, signal: never });
    await cp(repository, damaged, { recursive: true });
    assert.deepEqual((await check()).findings, []);
    for (const path of await filesIn(damaged)) {
      const name = path.slice(damaged.length + 1);
      if (name === 'config' || name.startsWith('keys/')) continue; // then nothing can be opened at all
      await flip(path);
      const { findings } = await check();
      assert.ok(
        findings.some(({ message }) => message.includes(name) || message.includes(name.slice(10, 18))),
        name,
      );
      await assert.rejects(restic(damaged, 'check', '--read-data', '--no-cache'), name);
      await flip(path);
    }
    assert.ok((await stat(damaged)).isDirectory());
  });
});
