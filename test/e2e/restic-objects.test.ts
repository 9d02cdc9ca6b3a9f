/** What restic's `list` and `cat` print of the insides of a repository: ours print the same. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { lockRepository } from '../../src/vault/repository/lock/repository-lock.ts';
import type { RepositoryVault } from '../../src/vault/repository/index.ts';
import { withVault } from '../fixtures/repository-vault.ts';
import { emptyRepository, type Place } from './empty-repository.ts';
import { program } from './holdfast.ts';
import { restic } from './restic.ts';
import { assertFails, holdfast } from './scratch.ts';

const linesOf = (text: string): readonly string[] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .toSorted();

interface MasterKey {
  readonly mac: { readonly k: string; readonly r: string };
  readonly encrypt: string;
}

/** What Poly1305 takes of the half "r" of a key: restic shows it without the bits that have no meaning. */
function asUsed(r: string): string {
  const bytes = Buffer.from(r, 'base64').map((byte, at) => {
    if (at % 4 === 3) return byte & 15;
    return at % 4 === 0 && at > 0 ? byte & 252 : byte;
  });
  return Buffer.from(bytes).toString('base64');
}

/** The bytes that ours prints. */
function bytesOf(args: readonly string[], { options }: Place): Buffer {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
  });
  assert.equal(status, 0, stderr.toString());
  return stdout;
}

describe('list', { concurrency: true }, () => {
  test('prints the ids of blobs, packs, index, snapshots, keys and locks as restic does', async (t) => {
    const place = await emptyRepository(t);
    const { folder, options } = place;
    for (const name of ['one', 'two']) {
      await writeFile(join(folder, 'tree', name), name);
      await holdfast(['backup', 'tree'], options);
    }
    await writeFile(join(folder, 'password'), 'another-password');
    await holdfast(['key', 'add', '--new-password-file', 'password'], options);
    for (const kind of ['blobs', 'packs', 'index', 'snapshots', 'keys']) {
      const expected = linesOf(restic(['list', kind], options));
      assert.ok(expected.length > 1, kind);
      assert.deepEqual(linesOf((await holdfast(['list', kind], options)).stdout), expected);
      const documents = linesOf((await holdfast(['list', kind, '--json'], options)).stdout).map(
        (line) => JSON.parse(line) as { type?: string; id: string },
      );
      const told = documents.map(({ type, id }) => (type === undefined ? id : `${type} ${id}`));
      assert.deepEqual(told.toSorted(), expected);
    }
    const locking = { host: 'elsewhere', user: 'kim', exclusive: false, signal: new AbortController().signal };
    const work = async (vault: RepositoryVault): Promise<void> => {
      const lock = await lockRepository(await vault.open(locking.signal, false), locking);
      assert.deepEqual(
        linesOf((await holdfast(['list', 'locks'], options)).stdout),
        await readdir(join(folder, 'repo/locks')),
      );
      await lock.release();
    };
    await withVault(join(folder, 'repo'), work, { spec: { password: options.env['RESTIC_PASSWORD'] ?? '' } });
    assert.equal((await holdfast(['list', 'locks'], options)).stdout, '');
  });

  test('takes these words for ids of restore points where they stand with others, and in no other vault', async (t) => {
    const { options } = await emptyRepository(t);
    await assertFails(['list', 'packs', 'blobs'], { status: 1, says: [/There is no restore point/] }, options);
    const env = { HOME: options.env['HOME'] };
    const elsewhere = ['backup', 'tree', '--to', 'vault'];
    await holdfast(elsewhere, { ...options, env });
    await assertFails(
      ['list', 'packs', '--from', 'vault'],
      { status: 1, says: [/for repositories/] },
      { ...options, env },
    );
  });
});

describe('cat', { concurrency: true }, () => {
  test('prints keys, the master key and packs as restic does', async (t) => {
    const place = await emptyRepository(t);
    const { folder, options } = place;
    await holdfast(['backup', 'tree'], options);
    const [key = ''] = linesOf(restic(['list', 'keys'], options));
    assert.deepEqual(
      JSON.parse((await holdfast(['cat', 'key', key], options)).stdout),
      JSON.parse(restic(['cat', 'key', key], options)),
    );
    const shown = JSON.parse((await holdfast(['cat', 'masterkey'], options)).stdout) as MasterKey;
    const { mac, encrypt } = JSON.parse(restic(['cat', 'masterkey'], options)) as MasterKey;
    assert.deepEqual({ mac: { k: shown.mac.k, r: asUsed(shown.mac.r) }, encrypt: shown.encrypt }, { mac, encrypt });
    for (const pack of linesOf(restic(['list', 'packs'], options))) {
      const stored = await readFile(join(folder, 'repo/data', pack.slice(0, 2), pack));
      assert.ok(stored.equals(bytesOf(['cat', 'pack', pack], place)));
    }
    await assertFails(['cat', 'pack', key.slice(0, 8)], { status: 1, says: [/no whole id/] }, options);
    await assertFails(['cat', 'key'], { status: 1, says: [/not said which key/] }, options);
  });

  test('prints a damaged pack as it is stored, with a warning', async (t) => {
    const place = await emptyRepository(t);
    const { folder, options } = place;
    await holdfast(['backup', 'tree'], options);
    const [pack = ''] = linesOf(restic(['list', 'packs'], options));
    const file = join(folder, 'repo/data', pack.slice(0, 2), pack);
    await writeFile(file, 'damaged');
    assert.equal(bytesOf(['cat', 'pack', pack], place).toString(), 'damaged');
    assert.match((await holdfast(['cat', 'pack', pack], options)).stderr, /not the hash of its bytes/);
  });
});

test('version says the same as --version, and what the program runs on', async () => {
  const { stdout } = await holdfast(['--version']);
  const own = stdout.trim();
  assert.match((await holdfast(['version'])).stdout, new RegExp(`^holdfast ${own} on Node\\.js \\d+\\.`));
  assert.equal((JSON.parse((await holdfast(['version', '--json'])).stdout) as { version: string }).version, own);
});
