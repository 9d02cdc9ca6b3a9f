import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { systemClock as clock } from '../../base/clock.ts';
import { silentLogger as logger } from '../../base/log.ts';
import { MemoryStore } from '../../store/index.ts';
import { FaultyStore } from '../../store/testing/faulty-store.ts';
import { createRepository, openOrCreateRepository, openRepository } from './open-repository.ts';
import { listKeys, removeKey } from './upkeep/repository-keys.ts';

const kdf = { N: 1024, r: 8, p: 1 };
const { signal } = new AbortController();
const optionsFor = (store: MemoryStore | FaultyStore, password = 'correct horse') => ({
  store,
  password,
  clock,
  logger,
  signal,
  kdf,
  host: 'host-1',
  user: 'kim',
});
const keysIn = (store: MemoryStore): Promise<string[]> => Array.fromAsync(store.list(), ({ key }) => key);

describe('making a repository', () => {
  it('gives all who make it at once the same one, with no key that does not open it', async () => {
    for (let round = 0; round < 5; round += 1) {
      const store = new MemoryStore(clock);
      const made = await Promise.all([1, 2, 3].map(() => openOrCreateRepository(optionsFor(store))));
      assert.equal(new Set(made.map(({ config }) => config.id)).size, 1);
      for (const key of await keysIn(store))
        assert.ok(made.some(({ keyId }) => key === 'config' || key.endsWith(keyId)));
    }
  });

  it('goes on where it broke off', async () => {
    for (const nth of [0, 1])
      for (const after of [false, true]) {
        const store = new MemoryStore(clock);
        const faulty = new FaultyStore(store);
        faulty.fail('put', ...Array.from({ length: nth }, () => ({ error: null })), { after });
        await assert.rejects(openOrCreateRepository(optionsFor(faulty)), { code: 'store/unavailable' });
        const { config } = await openOrCreateRepository(optionsFor(store));
        assert.equal((await openRepository(optionsFor(store))).config.id, config.id);
        assert.equal((await keysIn(store)).length, 2);
      }
  });

  it('is refused beside other things, and where there is one', async () => {
    const store = new MemoryStore(clock);
    await store.put('photos/cat.jpg', Buffer.from('x'));
    await assert.rejects(openOrCreateRepository(optionsFor(store)), { code: 'vault/no-repository' });
    await createRepository(optionsFor(store));
    await assert.rejects(createRepository(optionsFor(store)), { code: 'vault/name-taken' });
    await assert.rejects(openOrCreateRepository(optionsFor(store, 'wrong')), { code: 'vault/wrong-key' });
  });

  it('makes another key for another password where it broke off', async () => {
    const store = new MemoryStore(clock);
    const faulty = new FaultyStore(store);
    faulty.fail('put', { error: null }, {});
    await assert.rejects(openOrCreateRepository(optionsFor(faulty, 'first')), { code: 'store/unavailable' });
    await openOrCreateRepository(optionsFor(store, 'second'));
    await openRepository(optionsFor(store, 'second'));
    await assert.rejects(openRepository(optionsFor(store, 'first')), { code: 'vault/corrupt' });
  });
});

describe('a key that is damaged', () => {
  it('is in the way of no other, and can be removed', async () => {
    for (const bytes of ['', '{"created":"2024-01', '{}', '\0'])
      for (const name of ['0', 'f']) {
        const store = new MemoryStore(clock);
        const { keyId } = await createRepository(optionsFor(store));
        const id = name.repeat(64);
        await store.put(`keys/${id}`, Buffer.from(bytes));
        const repository = await openRepository(optionsFor(store));
        assert.equal(repository.keyId, keyId);
        const keys = await listKeys(repository, signal);
        assert.match(keys.find((key) => key.id === id)?.damage ?? '', /key file/);
        await assert.rejects(openRepository(optionsFor(store, 'wrong')), {
          code: 'vault/wrong-key',
          message: /none of the 2 keys .*, of which 1 can't be read\.$/,
        });
        await removeKey(repository, id, signal);
        assert.deepEqual(await keysIn(store), ['config', `keys/${keyId}`]);
      }
  });

  it('is what is told where there is no other', async () => {
    const store = new MemoryStore(clock);
    const { keyId } = await createRepository(optionsFor(store));
    await store.put(`keys/${keyId}`, Buffer.from('{'));
    await assert.rejects(openRepository(optionsFor(store)), { code: 'vault/corrupt' });
  });
});
