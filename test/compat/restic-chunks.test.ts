/** restic as the judge of keys, seals and cut points: a repository that it made is opened, and its chunks are found again. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { MiB } from '../../src/base/bytes.ts';
import { parsePolynomial } from '../../src/vault/repository/chunker/polynomial.ts';
import { rabinTables } from '../../src/vault/repository/chunker/rabin-tables.ts';
import { createKeyFile, parseKeyFile, unlockKeyFile } from '../../src/vault/repository/crypto/key-file.ts';
import { open, seal, type SealingKey } from '../../src/vault/repository/crypto/sealing-key.ts';
import { cutStream } from '../../src/vault/repository/testing/cut-stream.ts';
import { plantCandidate, streamOf } from '../../src/vault/repository/testing/sample-stream.ts';

const run = promisify(execFile);
const password = 'pässwörd & more';
let folder = '';
let repository = '';

async function resticWith(secret: string, ...args: readonly string[]): Promise<string> {
  const environment = { RESTIC_PASSWORD: secret, RESTIC_CACHE_DIR: join(folder, 'cache') };
  const options = { cwd: join(folder, 'files'), env: { ...process.env, ...environment }, maxBuffer: 64 * MiB };
  return (await run('restic', ['--quiet', '--repo', repository, ...args], options)).stdout;
}

const restic = (...args: readonly string[]): Promise<string> => resticWith(password, ...args);

/** The key of the repository, by one of its key files. */
async function unlock(): Promise<SealingKey> {
  const [name = ''] = await readdir(join(repository, 'keys'));
  const key = await unlockKeyFile(parseKeyFile(await readFile(join(repository, 'keys', name))), password);
  assert.ok(key !== undefined, 'the password is right');
  return key;
}

async function readConfig(key: SealingKey): Promise<Record<string, string>> {
  const sealed = await readFile(join(repository, 'config'));
  return JSON.parse(open(key, sealed).toString()) as Record<string, string>;
}

/** The ids of the blobs that restic cut a file of the only snapshot into. */
async function contentOf(name: string): Promise<readonly string[]> {
  const [snapshot] = JSON.parse(await restic('snapshots', '--json')) as [{ tree: string }];
  const tree = JSON.parse(await restic('cat', 'blob', snapshot.tree)) as {
    nodes: { name: string; content: string[] }[];
  };
  return tree.nodes.find((node) => node.name === name)?.content ?? [];
}

const idsOf = (bytes: Buffer, cuts: readonly number[]): string[] =>
  cuts.map((end, i) =>
    createHash('sha256')
      .update(bytes.subarray(cuts[i - 1] ?? 0, end))
      .digest('hex'),
  );

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-restic-'));
  repository = join(folder, 'repository');
  await mkdir(join(folder, 'files'));
  await restic('init', '--repository-version', '2');
});
after(() => rm(folder, { recursive: true, force: true }));

describe('restic and the repository vault', () => {
  it('cut the same file at the same places', async () => {
    const polynomial = parsePolynomial((await readConfig(await unlock()))['chunker_polynomial'] ?? '');
    const tables = rabinTables(polynomial);
    const bytes = streamOf([
      { kind: 'random', length: 12 * MiB + 17, seed: 1 },
      { kind: 'zeros', length: 9 * MiB + 3, seed: 0 },
      { kind: 'repeated', length: 10 * MiB, seed: 96 },
      { kind: 'random', length: 700_000, seed: 3 },
      { kind: 'zeros', length: 40, seed: 0 },
      { kind: 'random', length: 8 * MiB, seed: 4 },
    ]);
    for (const position of [512 * 1024 - 1, 512 * 1024 + 1, MiB + 1, 30 * MiB]) {
      plantCandidate(bytes, position, polynomial);
    }
    await writeFile(join(folder, 'files', 'mixed'), bytes);
    await restic('backup', 'mixed');

    const cuts = cutStream(tables, bytes);
    assert.ok(cuts.length > 20);
    assert.equal(cuts[0], 512 * 1024 + 1);
    assert.deepEqual(idsOf(bytes, cuts), await contentOf('mixed'));

    const borders = Array.from({ length: Math.ceil(bytes.length / 3_333_333) }, (_, index) => index * 3_333_333);
    assert.deepEqual(cutStream(tables, bytes, borders), cuts);
  });

  it('open what the other sealed, by key files that either made', async () => {
    const key = await unlock();
    const config = await readConfig(key);
    assert.equal(String(config['version']), '2');
    await rm(join(repository, 'config'), { force: true }); // restic leaves its files without the right to write them
    await writeFile(join(repository, 'config'), seal(key, Buffer.from(JSON.stringify(config))));

    const about = { username: 'me', hostname: 'here', created: new Date() };
    const { id, bytes } = createKeyFile({ password: 'another', key, ...about });
    await writeFile(join(repository, 'keys', id), bytes);
    const printed = JSON.parse(await resticWith('another', 'cat', 'config')) as Record<string, unknown>;
    assert.equal(printed['id'], config['id']);
    const master = JSON.parse(await resticWith('another', 'cat', 'masterkey')) as { encrypt: string };
    assert.equal(master.encrypt, Buffer.from(key.encrypt).toString('base64'));
    await assert.rejects(resticWith('wrong', 'cat', 'config'), /wrong password/);
  });
});
