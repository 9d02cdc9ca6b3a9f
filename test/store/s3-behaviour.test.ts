import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { HeadObjectCommand, ListMultipartUploadsCommand } from '@aws-sdk/client-s3';
import { MiB } from '../../src/base/bytes.ts';
import { systemClock } from '../../src/base/clock.ts';
import { hasCode } from '../../src/base/errors.ts';
import { silentLogger } from '../../src/base/log.ts';
import { openStore, putStream, type ObjectStore, type S3StoreSpec, type StoreSpec } from '../../src/store/index.ts';
import { read, rejectsWith, testBytes } from '../../src/store/testing/store-testing.ts';
import { closedPort } from '../servers/postgres.ts';
import { sharedS3Server } from '../servers/s3.ts';
import { s3Spec } from './s3-spec.ts';

const run = promisify(execFile);
const server = await sharedS3Server();
const s3 = server.client();
after(async () => {
  s3.destroy();
  await server.stop();
});

const open = (spec: StoreSpec): Promise<ObjectStore> =>
  openStore(spec, { clock: systemClock, logger: silentLogger, retry: { attempts: 2, baseDelayMs: 1 } });

async function withStore(more: Partial<S3StoreSpec>, work: (store: ObjectStore, bucket: string) => Promise<void>) {
  const bucket = await server.createBucket();
  const store = await open(s3Spec(server, bucket, more));
  try {
    await work(store, bucket);
  } finally {
    await store.close();
  }
}

async function* megabytes(count: number): AsyncGenerator<Uint8Array> {
  for (let n = 0; n < count; n += 1) yield testBytes(MiB, n + 1);
}

const inBucket = (bucket: string, key: string) => s3.send(new HeadObjectCommand({ Bucket: bucket, Key: key }));

describe('what an S3 store asks of the server is really so there', () => {
  const cases: readonly (readonly [string, Partial<S3StoreSpec>, Readonly<Record<string, unknown>>])[] = [
    ['SSE-S3', { sse: { type: 'AES256' } }, { ServerSideEncryption: 'AES256' }],
    [
      'SSE-KMS with a key',
      { sse: { type: 'aws:kms', keyId: server.kmsKeyId } },
      { ServerSideEncryption: 'aws:kms', SSEKMSKeyId: server.kmsKeyId },
    ],
    ['a storage class', { storageClass: 'STANDARD' }, {}],
    ['no checksums but required ones', { checksums: 'when-required' }, {}],
  ];
  for (const [what, more, expected] of cases)
    it(`${what}, for a put and for an upload in parts`, () =>
      withStore({ ...more, prefix: 'p' }, async (store, bucket) => {
        const metadata = { host: 'server-1', 'run-id': '42' };
        await store.put('small', testBytes(1000), { metadata });
        await putStream(store, 'big', megabytes(10), { metadata });
        for (const key of ['small', 'big']) {
          const head = await inBucket(bucket, `p/${key}`);
          for (const [name, value] of Object.entries(expected)) assert.equal(head[name as keyof typeof head], value);
          assert.equal(head.Metadata?.['host'], 'server-1');
          assert.equal(head.Metadata?.['run-id'], '42');
        }
        assert.ok((await read(store, 'small')).equals(testBytes(1000)));
        assert.equal((await read(store, 'big')).length, 10 * MiB);
        await store.delete(['small', 'big']);
      }));

  it('TLS, trusted by caFile alone', async () => {
    const secure = { endpoint: server.tlsEndpoint };
    await withStore({ ...secure, caFile: server.caFile }, async (store) => {
      await store.put('a', testBytes(100_000));
      for (const into of [undefined, new Uint8Array(100_000)])
        assert.ok((await read(store, 'a', { ...(into && { into }) })).equals(testBytes(100_000)));
    });
    await withStore({ ...secure, insecureTls: true }, async (store) => assert.equal(await store.head('a'), undefined));
    await withStore(secure, async (store) => {
      const reading = () => read(store, 'a', { length: 1, into: new Uint8Array(1) });
      for (const act of [() => store.put('a', testBytes(1)), reading])
        await assert.rejects(act, (error) => {
          assert.ok(hasCode(error, 'store/unreachable'));
          assert.match(error.hint ?? '', /caFile/);
          return true;
        });
    });
  });

  it('no unfinished upload is left by an aborted one, and a sweep removes those of the dead', () =>
    withStore({ prefix: 'mine' }, async (store, bucket) => {
      const uploads = async () =>
        (await s3.send(new ListMultipartUploadsCommand({ Bucket: bucket }))).Uploads?.map(({ Key }) => Key) ?? [];
      const aborted = await store.startUpload('aborted');
      await aborted.putPart(0, testBytes(1000));
      await aborted.abort();
      assert.deepEqual(await uploads(), []);
      for (const key of ['dead/1', 'dead/2']) await (await store.startUpload(key)).putPart(0, testBytes(1000));
      const neighbour = await open(s3Spec(server, bucket, { prefix: 'mine-not' }));
      await neighbour.startUpload('alive');
      assert.equal(await store.sweep(new Date(Date.now() + 3_600_000)), 2);
      assert.deepEqual(await uploads(), ['mine-not/alive']);
      await neighbour.close();
    }));
});

describe('an S3 store says what is wrong', () => {
  it('with the credentials', () =>
    withStore({}, async (_store, bucket) => {
      const wrongSecret = await open(s3Spec(server, bucket, { secretAccessKey: 'x'.repeat(40) }));
      await rejectsWith(wrongSecret.put('a', testBytes(1)), 'store/bad-credentials');
      await rejectsWith(read(wrongSecret, 'a'), 'store/bad-credentials');
      const unknown = await open(s3Spec(server, bucket, { accessKeyId: 'NOBODY0123456789' }));
      await rejectsWith(unknown.put('a', testBytes(1)), 'store/bad-credentials');
      const { accessKey, secretKey } = server.secondAccount;
      const other = await open(s3Spec(server, bucket, { accessKeyId: accessKey, secretAccessKey: secretKey }));
      await rejectsWith(other.put('a', testBytes(1)), 'store/access-denied');
      await rejectsWith(Array.fromAsync(other.list()), 'store/access-denied');
      await Promise.all([wrongSecret, unknown, other].map((store) => store.close()));
    }));

  it('with the bucket', async () => {
    const store = await open(s3Spec(server, 'there-is-no-such-bucket'));
    await rejectsWith(store.put('a', testBytes(1)), 'store/bucket-not-found');
    await rejectsWith(store.head('a'), 'store/bucket-not-found');
    await rejectsWith(read(store, 'a'), 'store/bucket-not-found');
    await rejectsWith(Array.fromAsync(store.list()), 'store/bucket-not-found');
    await rejectsWith(store.startUpload('a'), 'store/bucket-not-found');
    await rejectsWith(store.delete(['a']), 'store/bucket-not-found');
    await store.close();
  });

  it('with the endpoint', async () => {
    const refused = await open(s3Spec(server, 'b', { endpoint: `http://127.0.0.1:${closedPort}` }));
    await rejectsWith(refused.put('a', testBytes(1)), 'store/unreachable');
    const unknown = await open(s3Spec(server, 'b', { endpoint: 'http://no-such-host.invalid' }));
    await rejectsWith(unknown.put('a', testBytes(1)), 'store/unreachable');
    const tlsOnPlain = await open(s3Spec(server, 'b', { endpoint: server.endpoint.replace('http:', 'https:') }));
    await rejectsWith(tlsOnPlain.put('a', testBytes(1)), 'store/unreachable', 'store/unavailable');
    await rejectsWith(open(s3Spec(server, 'b', { endpoint: 'nonsense' })), 'store/bad-address');
    await Promise.all([refused, unknown, tlsOnPlain].map((store) => store.close()));
  });

  it('with an endpoint that accepts and then closes', async () => {
    const silent = createServer((socket) => socket.destroy());
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const { port } = silent.address() as { port: number };
    const store = await open(s3Spec(server, 'b', { endpoint: `http://127.0.0.1:${port}` }));
    await rejectsWith(store.put('a', testBytes(1)), 'store/unavailable');
    await store.close();
    silent.close();
  });
});

async function child(args: readonly string[], spec: S3StoreSpec, before: readonly string[] = []): Promise<string> {
  const [program, ...rest] = [...before, process.execPath, join(import.meta.dirname, 's3-child.ts'), ...args];
  const { stdout } = await run(program!, rest, { env: { ...process.env, S3_SPEC: JSON.stringify(spec) } });
  return stdout;
}

describe('in a process of its own', () => {
  for (const offset of ['-1h', '+1h'])
    it(`a clock that is off by ${offset} doesn't keep a backup from being made`, async () => {
      const spec = s3Spec(server, await server.createBucket());
      const stdout = await child(['round-trip'], spec, ['faketime', '-f', offset]);
      const report = JSON.parse(stdout) as { same: boolean; warnings: string[] };
      assert.equal(report.same, true);
      assert.match(report.warnings.join(), /clock is too far from the store's: it is (35|36)\d\d s (ahead|behind)/);
    });

  it('a stream of 1 GiB is stored in bounded memory', async () => {
    const spec = s3Spec(server, await server.createBucket());
    const stdout = await child(['stream', '1024'], spec);
    const { sizeBytes, peakRssMiB } = JSON.parse(stdout) as { sizeBytes: number; peakRssMiB: number };
    assert.equal(sizeBytes, 1024 * MiB);
    assert.ok(peakRssMiB < 400, `${peakRssMiB} MiB`);
  });
});
