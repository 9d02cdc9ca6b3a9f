import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { after, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { ListMultipartUploadsCommand } from '@aws-sdk/client-s3';
import { MiB } from '../../src/base/bytes.ts';
import { systemClock } from '../../src/base/clock.ts';
import { silentLogger } from '../../src/base/log.ts';
import { openStore, putStream, type ObjectStore } from '../../src/store/index.ts';
import { keysOf, read, rejectsWith, testBytes } from '../../src/store/testing/store-testing.ts';
import { faultKinds, startFaultProxy, type FaultProxy, type FaultProxyOptions } from '../servers/fault-proxy.ts';
import { sharedS3Server } from '../servers/s3.ts';
import { s3Spec } from './s3-spec.ts';

const server = await sharedS3Server();
after(() => server.stop());

const retry = { attempts: 12, baseDelayMs: 5, maxDelayMs: 50 };

async function* chunks(bytes: Buffer): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < bytes.length; start += 700_001) yield bytes.subarray(start, start + 700_001);
}

/** Opens a bucket through a proxy, lets `work` use it, and closes both. */
async function throughProxy(
  options: Omit<FaultProxyOptions, 'target'>,
  work: (store: ObjectStore, proxy: FaultProxy, bucket: string) => Promise<void>,
): Promise<void> {
  const proxy = await startFaultProxy({ target: server.endpoint, ...options });
  const bucket = await server.createBucket();
  const spec = s3Spec(server, bucket, { endpoint: proxy.endpoint, partSizeMiB: 5 });
  const store = await openStore(spec, { clock: systemClock, logger: silentLogger, retry });
  try {
    await work(store, proxy, bucket);
  } finally {
    await store.close();
    await proxy.stop();
  }
}

const isBegin = ({ url = '' }: IncomingMessage): boolean => url.includes('?uploads');

/** Uploads that were begun and neither completed nor aborted. */
async function unfinished(bucket: string): Promise<unknown[]> {
  const client = server.client();
  const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket: bucket }));
  client.destroy();
  return Uploads;
}

/** Everything that a backup does, several times; asserts that what came back is what was written. */
async function exercise(store: ObjectStore): Promise<void> {
  const big = testBytes(11 * MiB + 5, 7);
  for (let round = 0; round < 3; round += 1) {
    const small = Array.from({ length: 25 }, (_, n) => `small/${round}/${String(n).padStart(2, '0')}`);
    await Promise.all(small.map((key, n) => store.put(key, testBytes(n * 997, n + 1), { ifAbsent: n % 2 === 0 })));
    const info = await putStream(store, `big/${round}`, chunks(big), { ifAbsent: true });
    assert.equal(info.sizeBytes, big.length);
    assert.ok((await read(store, `big/${round}`)).equals(big));
    assert.ok(
      (await read(store, `big/${round}`, { offset: 3 * MiB, length: 5 * MiB })).equals(big.subarray(3 * MiB, 8 * MiB)),
    );
    const into = new Uint8Array(5 * MiB);
    assert.ok(
      (await read(store, `big/${round}`, { offset: MiB, length: into.length, into })).equals(
        big.subarray(MiB, 6 * MiB),
      ),
    );
    for (const [n, key] of small.entries()) assert.ok((await read(store, key)).equals(testBytes(n * 997, n + 1)), key);
    assert.deepEqual(await keysOf(store, `small/${round}/`), small);
    await store.delete(small.slice(1));
    assert.deepEqual(await keysOf(store, `small/${round}/`), small.slice(0, 1));
    assert.equal((await store.head(`big/${round}`))?.sizeBytes, big.length);
  }
}

describe('with an S3 server whose answers go wrong now and then', () => {
  for (const kind of faultKinds.filter((one) => one !== 'wrong-etag'))
    it(`every byte is right when 5 % suffer ${kind}`, () =>
      throughProxy({ seed: 11, rate: 0.05, kinds: [kind] }, async (store, proxy) => {
        await exercise(store);
        assert.ok(proxy.counters[kind] > 0, 'the fault never happened');
      }));

  it('every byte is right when 20 % suffer something', () =>
    throughProxy({ seed: 12, rate: 0.2, kinds: faultKinds.filter((kind) => kind !== 'wrong-etag') }, (store) =>
      exercise(store),
    ));

  it('an object is whole or absent when ETags lie', () =>
    throughProxy({ seed: 13, rate: 0.3, kinds: ['wrong-etag'] }, async (store, proxy, bucket) => {
      const big = testBytes(11 * MiB, 3);
      for (let round = 0; round < 4; round += 1) {
        const stored = await putStream(store, `big/${round}`, chunks(big)).then(
          () => true,
          () => false,
        );
        proxy.setRate(0);
        const found = await store.head(`big/${round}`);
        assert.equal(found !== undefined, stored);
        if (stored) assert.ok((await read(store, `big/${round}`)).equals(big));
        proxy.setRate(0.3);
      }
      assert.ok(proxy.counters['wrong-etag'] > 0);
      assert.deepEqual(await unfinished(bucket), []);
    }));

  it('an upload whose begin was told to stop, and is answered afterwards, is none', async () => {
    const held = Promise.withResolvers<void>();
    const late = { rate: 1, kinds: ['delay'], filter: isBegin, held: held.promise } as const;
    await throughProxy({ seed: 15, ...late }, async (store, _proxy, bucket) => {
      const stop = new AbortController();
      const reason = new Error('stop now');
      const starting = assert.rejects(store.startUpload('a', { signal: stop.signal }), (error) => error === reason);
      while ((await unfinished(bucket)).length === 0) await delay(20); // the store has begun it
      stop.abort(reason);
      held.resolve();
      await starting;
      assert.deepEqual(await unfinished(bucket), []);
    });
  });

  for (const [kind, code] of [
    ['error-500', 'store/unavailable'],
    ['slow-down', 'store/throttled'],
    ['reset-before', 'store/unavailable'],
    ['reset-after', 'store/unavailable'],
  ] as const)
    it(`says ${code} when everything suffers ${kind}, and tries a bounded number of times`, () =>
      throughProxy({ seed: 14, rate: 1, kinds: [kind] }, async (store, proxy) => {
        await rejectsWith(store.put('a', testBytes(10)), code);
        await rejectsWith(store.head('a'), code, 'store/unavailable'); // answers to HEAD have no words
        await rejectsWith(keysOf(store), code);
        await rejectsWith(putStream(store, 'b', chunks(testBytes(6 * MiB))), code);
        assert.equal(proxy.counters.requests, 4 * retry.attempts);
      }));
});
