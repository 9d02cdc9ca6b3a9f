import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { seal } from '../../src/vault/repository/crypto/sealing-key.ts';
import type { RepositoryVault } from '../../src/vault/repository/index.ts';
import { scratchFolder } from '../e2e/scratch.ts';
import { backUp, restic, resticBackup, withVault } from '../fixtures/repository-vault.ts';

const { signal } = new AbortController();

/** A repository that restic has made, with one snapshot of a small tree. */
async function made(folder: string, ...options: string[]): Promise<{ repository: string; tree: string }> {
  const repository = join(folder, 'repository');
  const tree = join(folder, 'tree');
  await mkdir(tree);
  await writeFile(join(tree, 'f'), 'content');
  restic(repository, ['init', ...options]);
  resticBackup(repository, tree);
  return { repository, tree };
}

describe("opening a repository of restic's", () => {
  test('a wrong password says so within two seconds of work, whatever is asked for', async (t) => {
    const { repository, tree } = await made(await scratchFolder(t));
    const asked = [(vault: RepositoryVault) => vault.list({ signal }), (vault: RepositoryVault) => backUp(vault, tree)];
    for (const ask of asked) {
      const [startedMs, before] = [performance.now(), process.cpuUsage()];
      const asking = withVault<unknown>(repository, ask, { spec: { password: 'wrong' } });
      await assert.rejects(asking, { code: 'vault/wrong-key', message: /opens none of the 1 keys/ });
      // Of the processor's time: others may have it meanwhile. Nor is anything waited for.
      const { user, system } = process.cpuUsage(before);
      assert.ok(user + system < 2_000_000, `${user + system} µs`);
      assert.ok(performance.now() - startedMs < 20_000);
    }
    restic(repository, ['check']);
  });

  test('each of several passwords opens it', async (t) => {
    const folder = await scratchFolder(t);
    const { repository } = await made(folder);
    const other = join(folder, 'other-password');
    await writeFile(other, 'another one\n');
    restic(repository, ['key', 'add', '--new-password-file', other]);
    for (const password of ['secret', 'another one'])
      assert.equal((await withVault(repository, (vault) => vault.list({ signal }), { spec: { password } })).length, 1);
  });

  test('one of a format to come is refused with words, and not touched', async (t) => {
    const { repository, tree } = await made(await scratchFolder(t));
    await withVault(repository, async (vault) => {
      const { key, config, store } = await vault.open(signal, false);
      const json = JSON.stringify({ version: 3, id: config.id, chunker_polynomial: '3da3358b4dc173' });
      await store.put('config', seal(key, Buffer.from(json)));
    });
    const refused = { code: 'vault/newer-format', message: /has format 3; this program knows 1 and 2/ };
    await withVault(repository, async (vault) => {
      await assert.rejects(vault.list({ signal }), refused);
      await assert.rejects(backUp(vault, tree), refused);
    });
  });

  test('no repository, a mistyped address and an unmounted disk are told apart from an empty one', async (t) => {
    const folder = await scratchFolder(t);
    const { tree } = await made(folder);
    const absent = join(folder, 'absent');
    assert.deepEqual(await withVault(absent, (vault) => vault.list({ signal })), []);
    const spec = { create: false };
    await assert.rejects(
      withVault(absent, (vault) => vault.list({ signal }), { spec }),
      { code: 'vault/no-repository' },
    );
    await assert.rejects(
      withVault(absent, (vault) => backUp(vault, tree), { spec }),
      { code: 'vault/no-repository' },
    );
    await assert.rejects(
      withVault(tree, (vault) => backUp(vault, tree)),
      { code: 'vault/no-repository' },
    );
  });
});
