import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { lstat, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import { generateIdentity, identityToRecipient } from 'age-encryption';

import { systemClock } from '../../src/base/clock.ts';
import { silentLogger } from '../../src/base/log.ts';
import type { SourceEntry } from '../../src/source/index.ts';
import { openStore } from '../../src/store/index.ts';
import { ByteReader } from '../../src/vault/archive/byte-reader.ts';
import { openAge } from '../../src/vault/archive/encryption/age.ts';
import { TarReader } from '../../src/vault/archive/tar/tar-reader.ts';
import { type ArchiveVaultSpec, openVault } from '../../src/vault/index.ts';
import { keep, type KeptEntry, sampleBytes, sampleFile, sampleTree } from '../../src/vault/testing/sample-entries.ts';
import { newPoint, writeTree } from '../../src/vault/testing/vault-testing.ts';

const passphrase = 'correct horse battery staple';
const isRoot = process.getuid?.() === 0;

let folder = '';
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-judges-'));
});
after(() => rm(folder, { recursive: true, force: true }));

const run = (program: string, args: string[], input?: Buffer): Buffer =>
  execFileSync(program, args, { input, maxBuffer: 1 << 28, stdio: ['pipe', 'pipe', 'pipe'] });

/** Writes entries into a vault on the disk and returns the artefact's path. */
async function archive(
  spec: Omit<ArchiveVaultSpec, 'type'>,
  entries: SourceEntry[],
  shape: 'tree' | 'file' = 'tree',
): Promise<string> {
  const path = await mkdtemp(join(folder, 'store-'));
  const store = await openStore({ type: 'local', path }, { clock: systemClock, logger: silentLogger });
  const options = { name: 'v', store, clock: systemClock, logger: silentLogger };
  const vault = await openVault({ type: 'archive', ...spec }, options);
  const source = { type: 'directory', name: 'data', shape, paths: [] } as const;
  const point = await writeTree(vault, newPoint({ source }), { entries });
  await vault.close();
  return join(path, point.keys[0] ?? '');
}

/** The entries of a tar, keyed by path; each content read. */
async function readTar(tar: Buffer): Promise<Map<string, KeptEntry>> {
  async function* chunks(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < tar.length; at += 99_991) yield tar.subarray(at, at + 99_991);
  }
  const kept = new Map<string, KeptEntry>();
  for await (const entry of new TarReader(new ByteReader(chunks())).entries()) {
    kept.set(entry.path.toString('latin1'), await keep(entry));
  }
  return kept;
}

/** Without root nobody may make devices or give files away; attributes of other name spaces are the system's. */
const forOrdinaryUsers = ({ type }: SourceEntry): boolean => isRoot || (type !== 'chardev' && type !== 'blockdev');

/** ext4 keeps no earlier time than this. */
const fitsDisk = ({ mtimeNs }: SourceEntry): boolean => mtimeNs >= -(2n ** 31n) * 1_000_000_000n;

describe('GNU tar and the archive vault', () => {
  it('extracts our tar to an equal tree, and we read what it makes of that tree', async () => {
    const entries = sampleTree().filter((entry) => forOrdinaryUsers(entry) && fitsDisk(entry));
    const tarball = await archive({}, entries);
    const out = join(folder, 'out');
    await mkdir(out);
    run('tar', ['--xattrs', '--xattrs-include=*', '--acls', '--numeric-owner', '-p', '-S', '-C', out, '-xzf', tarball]);
    const again = run('tar', [
      '--xattrs',
      '--xattrs-include=*',
      '--numeric-owner',
      '-S',
      '--format=posix',
      '-C',
      out,
      '-cf',
      '-',
      '.',
    ]);
    const found = await readTar(again);
    const expected = await readTar(run('gunzip', ['-c', tarball]));
    assert.deepEqual([...found.keys()].sort(), [...expected.keys()].sort());
    for (const [path, entry] of expected) {
      const { user: _u, group: _g, dataRuns, hardLinkTo: _h, content, ...facts } = entry;
      const direct = found.get(path);
      // Which of two names comes first is the archiver's choice.
      const other = direct?.hardLinkTo ? found.get(direct.hardLinkTo.toString('latin1')) : direct;
      assert.ok(other);
      const {
        user: _u2,
        group: _g2,
        dataRuns: otherRuns,
        hardLinkTo: _h2,
        content: otherContent,
        ...otherFacts
      } = other;
      if (entry.hardLinkTo) {
        const inode = async (name: Buffer): Promise<number> =>
          (await lstat(Buffer.concat([Buffer.from(`${out}/`), name]))).ino;
        assert.equal(await inode(entry.path), await inode(entry.hardLinkTo), `${path} is a second name`);
        continue;
      }
      assert.equal(otherContent, content, path);
      if (dataRuns) assert.ok(otherRuns, `${path} has holes`);
      const bare = (part: Partial<KeptEntry>): object => {
        const { path: _p, sizeBytes: _s, uid: _i, gid: _j, mode, extendedAttributes, ...rest } = part;
        const attributes = [...(extendedAttributes ?? [])].sort((a, b) => (a.name < b.name ? -1 : 1));
        return { ...rest, attributes, ...(isRoot ? { mode, uid: part.uid, gid: part.gid } : {}) };
      };
      assert.deepEqual(bare(otherFacts), bare(facts), path);
    }
  });

  it('gives a file its access list back, with --acls and without', async () => {
    // user::rw-, user:1234:r--, group::r--, mask::r--, other::---
    const acl = Buffer.from(
      '0200000001000600ffffffff02000400d204000004000400ffffffff10000400ffffffff20000000ffffffff',
      'hex',
    );
    const entry = sampleFile('f', Buffer.from('x'), {
      mode: 0o640,
      extendedAttributes: [{ name: 'system.posix_acl_access', value: acl }],
    });
    const { user: _u, group: _g, ...mine } = entry;
    const owned = { ...mine, uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
    const tarball = await archive({ compression: { algorithm: 'none' } }, [sampleTree()[0] as SourceEntry, owned]);
    for (const flags of [
      ['--acls'],
      ['--xattrs', '--xattrs-include=*'],
      ['--acls', '--xattrs', '--xattrs-include=*'],
    ]) {
      const out = await mkdtemp(join(folder, 'acl-'));
      run('tar', [...flags, '-p', '-C', out, '-xf', tarball]);
      assert.match(run('getfacl', ['-nc', join(out, 'f')]).toString(), /user:1234:r--/, flags.join(' '));
    }
  });

  for (const format of ['posix', 'gnu', 'ustar']) {
    it(`writes the ${format} format so that we read it`, async () => {
      const tree = await mkdtemp(join(folder, 'tree-'));
      const long = 'n'.repeat(90);
      await mkdir(join(tree, long, long), { recursive: true });
      await writeFile(join(tree, long, 'short'), sampleBytes(70_000));
      if (format !== 'ustar') await writeFile(join(tree, long, long, `${long}${long}`), 'deep');
      const sparse = format === 'posix' ? ['-S'] : [];
      await writeFile(join(tree, 'sparse'), '');
      run('truncate', ['-s', '3M', join(tree, 'sparse')]);
      const found = await readTar(run('tar', [`--format=${format}`, ...sparse, '-C', tree, '-cf', '-', '.']));
      assert.equal(found.get(`${long}/short`)?.content, sampleBytes(70_000).toString('latin1'));
      if (format !== 'ustar') assert.equal(found.get(`${long}/${long}/${long}${long}`)?.content, 'deep');
      assert.equal(found.get('sparse')?.content?.length, 3 * 1024 * 1024);
      assert.ok(found.has(''));
    });
  }
});

describe('ordinary programs open our artefacts', () => {
  const content = sampleBytes(5_000_000);
  const entries = (): SourceEntry[] => [sampleFile('db.dump', content)];
  const opened = (program: string, args: string[]): void => {
    const output = run(program, args);
    assert.equal(output.length, content.length);
    assert.ok(output.equals(content), `${program} gives back other bytes`);
  };

  it('gunzip and gzip -t', async () => {
    const path = await archive({}, entries(), 'file');
    opened('gunzip', ['-c', path]);
    run('gzip', ['-t', path]);
  });

  it('zstd, which finds the checksums right', async () => {
    const path = await archive({ compression: { algorithm: 'zstd' } }, entries(), 'file');
    opened('zstd', ['-dcq', path]);
    run('zstd', ['-tq', path]);
  });

  it('an empty file, for gunzip and zstd', async () => {
    for (const [algorithm, program] of [
      ['gzip', ['gunzip', '-c']],
      ['zstd', ['zstd', '-dcq']],
    ] as const) {
      const path = await archive({ compression: { algorithm } }, [sampleFile('db.sql', Buffer.alloc(0))], 'file');
      assert.equal(run(program[0], [program[1], path]).length, 0);
    }
  });

  it('openssl with the passphrase alone', async () => {
    const spec = { compression: { algorithm: 'none' }, encryption: { type: 'openssl', passphrase } } as const;
    const path = await archive(spec, entries(), 'file');
    opened('openssl', ['enc', '-d', '-aes-256-cbc', '-pbkdf2', '-pass', `pass:${passphrase}`, '-in', path]);
  });

  it('age with the identity', async () => {
    const identity = await generateIdentity();
    const keyFile = join(folder, 'age.key');
    await writeFile(keyFile, `${identity}\n`);
    const recipients = [await identityToRecipient(identity), await identityToRecipient(await generateIdentity())];
    for (const sizeBytes of [0, 1, 65_535, 65_536, 65_537, 1_048_576, 1_048_577]) {
      const spec = { compression: { algorithm: 'none' }, encryption: { type: 'age', recipients } } as const;
      const path = await archive(spec, [sampleFile('f.bin', sampleBytes(sizeBytes))], 'file');
      assert.ok(run('age', ['-d', '-i', keyFile, path]).equals(sampleBytes(sizeBytes)), `${sizeBytes} bytes`);
    }
  });

  it('age with the passphrase that a person types', async () => {
    const spec = { compression: { algorithm: 'none' }, encryption: { type: 'age', passphrase } } as const;
    const path = await archive(spec, entries(), 'file');
    const decrypted = join(folder, 'typed.out');
    run('script', ['-qec', `age -d -o '${decrypted}' '${path}'`, '/dev/null'], Buffer.from(`${passphrase}\n`));
    assert.ok((await readFile(decrypted)).equals(content));
  });

  it('and we open what age made, for an identity', async () => {
    const identity = await generateIdentity();
    for (const sizeBytes of [0, 1, 65_536, 200_000]) {
      const sealed = run('age', ['-r', await identityToRecipient(identity)], sampleBytes(sizeBytes));
      const chunks = openAge(
        { identities: [identity] },
        (async function* () {
          for (let at = 0; at < sealed.length; at += 1021) yield sealed.subarray(at, at + 1021);
        })(),
      );
      assert.ok(Buffer.concat(await Array.fromAsync(chunks)).equals(sampleBytes(sizeBytes)));
    }
  });
});
