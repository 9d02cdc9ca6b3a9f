import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { generateIdentity, identityToRecipient } from 'age-encryption';

import { systemClock } from '../../base/clock.ts';
import { silentLogger } from '../../base/log.ts';
import { MemoryStore, type ObjectStore, type PutOptions, storeError } from '../../store/index.ts';
import { readBack, sampleBytes, sampleFile, sampleRoot } from '../testing/sample-entries.ts';
import { testVault } from '../testing/test-vault.ts';
import { newPoint, writeTree } from '../testing/vault-testing.ts';
import type { ArchiveVaultSpec } from './archive-spec.ts';
import { ArchiveVault } from './archive-vault.ts';

const never = new AbortController().signal;
const passphrase = 'correct horse battery staple';
const identity = await generateIdentity();
const stranger = await generateIdentity();
const recipient = await identityToRecipient(identity);

const open = (
  spec: Omit<ArchiveVaultSpec, 'type'>,
  store: ObjectStore = new MemoryStore(systemClock),
  clock = systemClock,
): ArchiveVault =>
  new ArchiveVault({ type: 'archive', ...spec }, { name: 'plain', store, clock, logger: silentLogger });

testVault('the archive vault with gzip', (store, clock) => open({}, store, clock));
testVault('the archive vault without compression', (store, clock) =>
  open({ compression: { algorithm: 'none' } }, store, clock),
);

const small = [sampleRoot, sampleFile('f', sampleBytes(1000))];

describe('encryption of the archive vault', () => {
  const openssl = { type: 'openssl', passphrase } as const;

  it('finds a changed byte in an openssl artefact, which openssl would not', async () => {
    const store = new MemoryStore(systemClock);
    const vault = open({ encryption: openssl }, store);
    const point = await writeTree(vault, newPoint(), { entries: small });
    const [key = ''] = point.keys;
    const bytes = Buffer.concat(await Array.fromAsync(store.get(key)));
    for (const place of [0, 8, 15, 16, 200, bytes.length - 1]) {
      const damaged = Buffer.from(bytes);
      damaged[place] = (damaged[place] ?? 0) ^ 1;
      await store.put(key, damaged);
      await assert.rejects(readBack(vault, point), { code: 'vault/corrupt' });
    }
  });

  for (const [name, right, wrong] of [
    ['openssl', openssl, { type: 'openssl', passphrase: 'incorrect horse battery' }],
    ['age with a passphrase', { type: 'age', passphrase }, { type: 'age', passphrase: 'incorrect horse battery' }],
    ['age with recipients', { type: 'age', recipients: [recipient] }, { type: 'age', identities: [stranger] }],
  ] as const) {
    it(`tells a wrong key from damage: ${name}`, async () => {
      const store = new MemoryStore(systemClock);
      const point = await writeTree(open({ encryption: right }, store), newPoint(), { entries: small });
      const other = open({ encryption: wrong }, store);
      assert.equal((await other.list({ signal: never })).length, 1);
      await assert.rejects(readBack(other, point), { code: 'vault/wrong-key' });
    });
  }

  it('reads nothing of the object when the openssl passphrase is wrong', async () => {
    const store = new MemoryStore(systemClock);
    const point = await writeTree(open({ encryption: openssl }, store), newPoint(), { entries: small });
    const wrong = open({ encryption: { type: 'openssl', passphrase: 'incorrect horse battery' } }, store);
    const got: string[] = [];
    const get = store.get.bind(store);
    store.get = (key, options) => {
      got.push(key);
      return get(key, options);
    };
    await assert.rejects(readBack(wrong, point), { code: 'vault/wrong-key' });
    assert.deepEqual(got, [point.keys[1]]);
  });

  it('writes, lists and checks stored bytes without the secret key, and says that it can not read', async () => {
    const store = new MemoryStore(systemClock);
    const writeOnly = open({ encryption: { type: 'age', recipients: [recipient] } }, store);
    const point = await writeTree(writeOnly, newPoint(), { entries: small });
    assert.deepEqual(await writeOnly.list({ signal: never }), [point]);
    await assert.rejects(readBack(writeOnly, point), { code: 'vault/key-needed' });
    assert.deepEqual(await writeOnly.verify(point, { readData: false, signal: never }), []);
    const findings = await writeOnly.verify(point, { readData: true, signal: never });
    assert.deepEqual(
      findings.map(({ code }) => code),
      ['vault/key-needed'],
    );
    const withKey = open({ encryption: { type: 'age', identities: [identity] } }, store);
    assert.equal((await readBack(withKey, point)).length, 2);
  });

  it('puts no secret into the manifest', async () => {
    const store = new MemoryStore(systemClock);
    for (const encryption of [openssl, { type: 'age', passphrase } as const]) {
      const point = await writeTree(open({ encryption }, store), newPoint(), { entries: small });
      const manifest = Buffer.concat(await Array.fromAsync(store.get(point.keys[1] ?? ''))).toString();
      assert.ok(!manifest.includes(passphrase));
    }
  });

  it('says how a restore point is kept', async () => {
    const vault = open({ compression: { algorithm: 'zstd' }, encryption: { type: 'age', recipients: [recipient] } });
    const point = await writeTree(vault, newPoint(), { entries: small });
    assert.equal(point.format, 'archive/zstd+age');
    assert.match(point.keys[0] ?? '', /data\.tar\.zst\.age$/);
  });
});

describe('keys of the archive vault', () => {
  it('never writes over a restore point or a file of somebody else', async () => {
    const store = new MemoryStore(systemClock);
    const vault = open({ layout: '{date}_{time}/{source}_{date}_{time}' }, store);
    const first = await writeTree(vault, newPoint(), { entries: small });
    assert.equal(first.keys[0], '20260301_020304/data_20260301_020304.tar.gz');
    await assert.rejects(writeTree(vault, newPoint(), { entries: small }), { code: 'vault/name-taken' });
    assert.deepEqual(await vault.list({ signal: never }), [first]);
    assert.deepEqual(await vault.verify(first, { readData: true, signal: never }), []);

    const elses = '20260301_020305/data_20260301_020305.tar.gz';
    await store.put(elses, Buffer.from('mine'));
    const point = newPoint({ startedAt: new Date('2026-03-01T02:03:05Z') });
    await assert.rejects(writeTree(vault, point, { entries: small }), { code: 'vault/name-taken' });
    assert.equal(Buffer.concat(await Array.fromAsync(store.get(elses))).toString(), 'mine');
  });

  it('without {source} are for one source: a second one of the same run is refused, not written over the first', async () => {
    const vault = open({ layout: 'backup_{date}_{time}' });
    const first = await writeTree(vault, newPoint(), { entries: small });
    assert.equal(first.keys[0], 'backup_20260301_020304.tar.gz');
    const other = newPoint({ source: { ...newPoint().source, name: 'other' } });
    await assert.rejects(writeTree(vault, other, { entries: small }), { code: 'vault/name-taken' });
    assert.deepEqual(await vault.list({ signal: never }), [first]);
  });

  it('are written without a look where a store allows none, and what is there stays, whatever fails', async () => {
    const store = new MemoryStore(systemClock);
    const head = store.head.bind(store);
    store.head = () => Promise.reject(storeError('access-denied', { message: 'nobody may look' }));
    const vault = open({ layout: '{timestamp}/{source}' }, store);
    const first = await writeTree(vault, newPoint(), { entries: small });
    await assert.rejects(writeTree(vault, newPoint(), { entries: small }), { code: 'store/already-exists' });
    const broken = vault.write(
      newPoint(),
      async (writer) => {
        for (const entry of small) await writer.add(entry);
        throw new Error('the source broke off');
      },
      never,
    );
    await assert.rejects(broken, /broke off/);
    store.head = head;
    assert.deepEqual(await vault.verify(first, { readData: true, signal: never }), []);
    const keys = (await Array.fromAsync(store.list())).map(({ key }) => key);
    assert.deepEqual(keys, first.keys);
  });

  it('does without conditional writes where a store refuses them', async () => {
    const store = new MemoryStore(systemClock);
    const put = store.put.bind(store);
    store.put = async (key, bytes, options?: PutOptions) => {
      if (options?.ifAbsent === true || options?.ifMatch !== undefined) {
        throw storeError('unsupported', { message: 'no conditional writes here' });
      }
      return put(key, bytes, options);
    };
    const vault = open({ layout: '{timestamp}/{source}' }, store);
    const point = await writeTree(vault, newPoint(), { entries: small });
    await assert.rejects(writeTree(vault, newPoint(), { entries: small }), { code: 'vault/name-taken' });
    const swept = vault.write(
      newPoint({ startedAt: new Date() }),
      async (writer) => {
        for (const entry of small) await writer.add(entry);
        await vault.sweep(new Date(Date.now() + 60_000), never);
        return { details: {}, problems: [] };
      },
      never,
    );
    await assert.rejects(swept, { code: 'vault/missing-object' });
    assert.deepEqual(await vault.list({ signal: never }), [point]);
    assert.equal((await readBack(vault, point)).length, 2);
  });

  it('removes what a killed run left once it is old, and not before', async () => {
    const store = new MemoryStore(systemClock);
    const vault = open({}, store);
    await store.put('j/x.tar.gz', Buffer.from('half'));
    await store.put('j/x.tar.gz.pending.json', Buffer.from('{"holdfast":"pending artefact","state":"writing"}'));
    assert.equal(await vault.sweep(new Date(Date.now() - 60_000), never), 0);
    assert.equal(await vault.sweep(new Date(Date.now() + 60_000), never), 2);
    assert.deepEqual(await Array.fromAsync(store.list()), []);
  });

  it('finds a dump without its last line', async () => {
    const vault = open({});
    const source = { type: 'postgres', name: 'db', shape: 'file', paths: [] } as const;
    const whole = 'SELECT 1;\n--\n-- PostgreSQL database dump complete\n--\n\n';
    for (const [text, codes] of [
      [whole, []],
      ['SELECT 1;\n', ['vault/truncated']],
    ] as const) {
      const point = await writeTree(vault, newPoint({ source }), {
        entries: [sampleFile('db.sql', Buffer.from(text))],
      });
      assert.match(point.keys[0] ?? '', /\/db\.sql\.gz$/);
      const findings = await vault.verify(point, { readData: true, signal: never });
      assert.deepEqual(
        findings.map(({ code }) => code),
        codes,
      );
    }
  });
});

describe('options of the archive vault', () => {
  const refused: readonly Omit<ArchiveVaultSpec, 'type'>[] = [
    { compression: { algorithm: 'gzip', level: 10 } },
    { compression: { algorithm: 'zstd', level: 20 } },
    { compression: { algorithm: 'none', level: 1 } },
    { encryption: { type: 'openssl', passphrase: 'short' } },
    { encryption: { type: 'age' } },
    { encryption: { type: 'age', recipients: [recipient], passphrase } },
    { encryption: { type: 'age', recipients: ['ssh-ed25519 AAAA'] } },
    { layout: '{job}/{source}' },
    { layout: '{source}-{run}-{colour}' },
    { layout: '/{source}-{run}' },
    { layout: '../{source}-{run}' },
    { layout: '{source}-{run}-{' },
  ];
  for (const spec of refused) {
    it(`refuses ${JSON.stringify(spec).slice(0, 90)}`, () => {
      assert.throws(() => open(spec), { code: 'vault/bad-options' });
    });
  }

  it('refuses a recipient with a typing error before anything is sent', async () => {
    const store = new MemoryStore(systemClock);
    const typo = `${recipient.slice(0, -1)}${recipient.endsWith('q') ? 'p' : 'q'}`;
    const vault = open({ encryption: { type: 'age', recipients: [typo] } }, store);
    await assert.rejects(writeTree(vault, newPoint(), { entries: small }), { code: 'vault/bad-options' });
    assert.deepEqual(await Array.fromAsync(store.list()), []);
  });
});
