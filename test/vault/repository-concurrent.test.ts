import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { cp, mkdir, readdir, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { MiB } from '../../src/base/bytes.ts';
import { encodeLock, type LockFile } from '../../src/vault/repository/format/lock-file.ts';
import { scratchFolder } from '../e2e/scratch.ts';
import { makeSmallTree } from '../faults/small-tree.ts';
import { compareTrees } from '../fixtures/compare-trees.ts';
import { startRepositoryBackup } from '../fixtures/repository-process.ts';
import { backUp, password, restic, resticBackup, restore, withVault } from '../fixtures/repository-vault.ts';
import { soakFactor } from '../soak-size.ts';

const { signal } = new AbortController();
const run = promisify(execFile);

/** Without what is still being written. */
async function locksIn(repository: string): Promise<string[]> {
  const names = await readdir(join(repository, 'locks')).catch(() => []);
  return names.filter((name) => /^[0-9a-f]{64}$/.test(name));
}

async function assertAllSound(repository: string, count: number): Promise<void> {
  assert.match(restic(repository, ['check', '--read-data']), /no errors were found/);
  await withVault(repository, async (vault) => {
    const points = await vault.list({ signal });
    assert.equal(points.length, count);
    for (const point of points) assert.deepEqual(await vault.verify(point, { readData: true, signal }), []);
  });
}

test('two processes that back up at once make one repository and two sound restore points', async (t) => {
  const scratch = await scratchFolder(t);
  const trees = [join(scratch, 'one'), join(scratch, 'two')] as const;
  await makeSmallTree(trees[0]);
  await cp(trees[0], trees[1], { recursive: true, preserveTimestamps: true });
  for (let round = 0; round < 4 * soakFactor; round += 1) {
    const path = join(scratch, `repository-${round}`);
    for (const tree of trees) await writeFile(join(tree, 'own'), randomBytes(5 * MiB));
    const both = trees.map((tree) => startRepositoryBackup(tree, { type: 'local', path }));
    const ended = await Promise.all(both.map((running) => running.ended));
    await assertAllSound(path, 2);
    assert.deepEqual(await locksIn(path), []);
    await withVault(path, async (vault) => {
      const points = await vault.list({ signal });
      for (const [index, tree] of trees.entries()) {
        const target = join(scratch, `restored-${round}-${index}`);
        const point = points.find(({ id }) => id === ended[index]?.id);
        assert.deepEqual(await restore(vault, point ?? assert.fail('it is not listed'), target), []);
        assert.deepEqual(await compareTrees(tree, target), []);
      }
    });
  }
});

test('a backup and one of restic may run at once', async (t) => {
  const scratch = await scratchFolder(t);
  const repository = join(scratch, 'repository');
  const tree = join(scratch, 'tree');
  await makeSmallTree(tree);
  restic(repository, ['init']);
  const env = { ...process.env, RESTIC_PASSWORD: password };
  for (let round = 0; round < 3; round += 1) {
    await writeFile(join(tree, 'own'), randomBytes(20 * MiB));
    const ours = startRepositoryBackup(tree, { type: 'local', path: repository });
    await ours.begun;
    await Promise.all([ours.ended, run('restic', ['--no-cache', '-r', repository, 'backup', tree], { env })]);
    await assertAllSound(repository, 2 * round + 2);
  }
});

test('while a backup runs restic may back up, and prune nothing', async (t) => {
  const scratch = await scratchFolder(t);
  const path = join(scratch, 'repository');
  const tree = join(scratch, 'tree');
  await makeSmallTree(tree);
  await withVault(path, (vault) => backUp(vault, tree));
  await writeFile(join(tree, 'own'), randomBytes(10 * MiB));
  const running = startRepositoryBackup(tree, { type: 'local', path }, { limits: { uploadKBps: 1500 } });
  t.after(() => running.kill('SIGKILL'));
  while ((await locksIn(path)).length === 0) await delay(5);
  running.kill('SIGSTOP');
  assert.throws(() => restic(path, ['prune']), /already locked by PID \d+ on/);
  assert.throws(() => restic(path, ['forget', 'latest']), /already locked/);
  resticBackup(path, join(tree, 'many'));
  await withVault(path, async (vault) => {
    const [point] = await vault.list({ signal });
    await assert.rejects(vault.forget([point ?? assert.fail('nothing')], signal), {
      code: 'vault/locked',
      message: new RegExp(`by \\w+ on ${hostname()} \\(process ${running.pid}\\)`),
    });
  });
  running.kill('SIGCONT');
  assert.ok(await running.ended);
  await assertAllSound(path, 3);
});

test("the lock of a process that died stands in nobody's way, and whoever comes next removes it", async (t) => {
  const scratch = await scratchFolder(t);
  const path = join(scratch, 'repository');
  const tree = join(scratch, 'tree');
  await makeSmallTree(tree);
  await withVault(path, (vault) => backUp(vault, tree));
  await writeFile(join(tree, 'own'), randomBytes(10 * MiB));
  const running = startRepositoryBackup(tree, { type: 'local', path }, { limits: { uploadKBps: 1000 } });
  while ((await locksIn(path)).length === 0) await delay(5);
  running.kill('SIGKILL');
  await running.ended;
  assert.equal((await locksIn(path)).length, 1);
  await withVault(path, async (vault) => {
    await backUp(vault, tree); // takes over what the dead one had stored
  });
  assert.deepEqual(await locksIn(path), []);

  await writeFile(join(tree, 'own'), randomBytes(10 * MiB));
  const another = startRepositoryBackup(tree, { type: 'local', path }, { limits: { uploadKBps: 1000 } });
  while ((await locksIn(path)).length === 0) await delay(5);
  another.kill('SIGKILL');
  await another.ended;
  await withVault(path, async (vault) => {
    const [first, ...others] = await vault.list({ signal });
    await vault.forget([first ?? assert.fail('nothing')], signal);
    assert.equal((await vault.list({ signal })).length, others.length);
  });
  assert.deepEqual(await locksIn(path), []);
  await assertAllSound(path, 1);
});

const lockOf = (more: Partial<LockFile>): LockFile => ({
  timeNs: BigInt(Date.now()) * 1_000_000n,
  exclusive: false,
  hostname: 'elsewhere',
  username: 'kim',
  pid: 4711,
  uid: 1000,
  gid: 100,
  ...more,
});

test('a live lock on another machine is heeded, one that nobody has refreshed is not', async (t) => {
  const scratch = await scratchFolder(t);
  const path = join(scratch, 'repository');
  const tree = join(scratch, 'tree');
  await mkdir(tree);
  await writeFile(join(tree, 'f'), 'content');
  await withVault(path, async (vault) => {
    const point = await backUp(vault, tree);
    const repository = await vault.open(signal, false);
    const whileLocked = async (lock: LockFile, work: () => Promise<void>): Promise<void> => {
      const id = await repository.saveFile('locks', encodeLock(lock));
      await work();
      await repository.store.delete([`locks/${id}`]);
    };
    const locked = { code: 'vault/locked', message: /by kim on elsewhere \(process 4711\)/ };
    await whileLocked(lockOf({ exclusive: true }), async () => {
      const startedMs = performance.now();
      await assert.rejects(backUp(vault, tree), locked);
      await assert.rejects(vault.forget([point], signal), locked);
      assert.ok(performance.now() - startedMs < 60_000);
      assert.throws(() => restic(path, ['backup', tree]), /already locked exclusively by PID 4711 on elsewhere/);
      assert.equal((await locksIn(path)).length, 1, 'who was kept out leaves no lock');
    });
    await whileLocked(lockOf({}), async () => {
      await backUp(vault, tree);
      await assert.rejects(vault.forget([point], signal), locked);
    });
    const long = BigInt(Date.now() - 31 * 60_000) * 1_000_000n;
    await whileLocked(lockOf({ exclusive: true, timeNs: long }), async () => {
      await backUp(vault, tree);
      await vault.forget([point], signal);
    });
  });
  assert.deepEqual(await locksIn(path), []);
  await assertAllSound(path, 2);
});

test('a lock that can not be read keeps out who needs the repository alone', async (t) => {
  const scratch = await scratchFolder(t);
  const path = join(scratch, 'repository');
  const tree = join(scratch, 'tree');
  await mkdir(tree);
  await withVault(path, async (vault) => {
    const point = await backUp(vault, tree);
    await mkdir(join(path, 'locks'), { recursive: true });
    await writeFile(join(path, 'locks', 'a1'.repeat(32)), 'no lock');
    await backUp(vault, tree);
    await assert.rejects(vault.forget([point], signal), { code: 'vault/locked', message: /can not be read: a1a1/ });
  });
});
