import assert from 'node:assert/strict';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { testBytes } from '../testing/store-testing.ts';
import { type DirectAnswer, DirectReader, type DirectRequest } from './direct-reader.ts';

const bytes = testBytes(3_000_000);
const plainHead = (length: number): string => `HTTP/1.1 206 Partial Content\r\ncontent-length: ${length}\r\n\r\n`;

interface Served {
  readonly socket: Socket;
  /** Of all requests, and of all connections, from 1 on. */
  readonly request: number;
  readonly connections: number;
}

async function withServer(
  answer: (served: Served) => unknown,
  work: (get: (options?: Partial<DirectRequest>) => Promise<DirectAnswer | undefined>) => Promise<void>,
  idleTimeoutMs = 20_000,
): Promise<void> {
  const sockets: Socket[] = [];
  let request = 0;
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => {});
    socket.on('data', () => answer({ socket, request: (request += 1), connections: sockets.length }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const reader = new DirectReader({ tls: {}, connectTimeoutMs: 20_000, idleTimeoutMs });
  const into = new Uint8Array(bytes.length);
  const place = { isTls: false, host: '127.0.0.1', port, text: 'GET / HTTP/1.1\r\n\r\n', into };
  try {
    await work((options) => reader.get({ ...place, ...options }));
  } finally {
    reader.destroy();
    for (const socket of sockets) socket.destroy();
    server.close();
  }
}

const partsOf = async (answer: DirectAnswer | undefined): Promise<Uint8Array[]> => Array.fromAsync(answer!.body);

const serve = ({ socket }: Served): void => {
  socket.write(plainHead(bytes.length));
  socket.write(bytes);
};

describe('an answer that is read into memory', () => {
  it('is there, part behind part, and its connection is used again', () =>
    withServer(
      (served) => {
        assert.equal(served.connections, 1);
        serve(served);
      },
      async (get) => {
        for (let round = 0; round < 3; round += 1) {
          const into = new Uint8Array(new SharedArrayBuffer(bytes.length + 10));
          let at = 0;
          for (const part of await partsOf(await get({ into }))) {
            assert.ok(part.buffer === into.buffer && part.byteOffset === at);
            at += part.length;
          }
          assert.ok(bytes.equals(into.subarray(0, at)));
        }
      },
    ));

  it('may come byte by byte', () =>
    withServer(
      async ({ socket }) => {
        for (const byte of Buffer.from(`${plainHead(5)}hello`)) {
          socket.write(Buffer.of(byte));
          await delay(1);
        }
      },
      async (get) => assert.equal(Buffer.concat(await partsOf(await get())).toString(), 'hello'),
    ));

  it('is left to the usual client when it is no plain success, or longer than the memory', () =>
    withServer(
      (served) => {
        if (served.request === 1) served.socket.write('HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\nno');
        else serve(served);
      },
      async (get) => {
        assert.equal(await get(), undefined);
        assert.equal(await get({ into: new Uint8Array(bytes.length - 1) }), undefined);
        assert.ok(Buffer.concat(await partsOf(await get())).equals(bytes));
      },
    ));

  it('is left to the usual client when a kept connection is dead; a new one that breaks is a failure', () =>
    withServer(
      (served) => {
        if (served.request === 1) serve(served);
        else served.socket.destroy();
      },
      async (get) => {
        await partsOf(await get());
        assert.equal(await get(), undefined);
        await assert.rejects(get(), { code: 'ECONNRESET' });
      },
    ));

  it('gives what came before it broke, then the failure', () =>
    withServer(
      ({ socket }) => socket.end(`${plainHead(100)}some`),
      async (get) => {
        const { body } = (await get())!;
        const parts: Uint8Array[] = [];
        await assert.rejects(
          async () => {
            for await (const part of body) parts.push(part as Uint8Array);
          },
          { code: 'ECONNRESET' },
        );
        assert.equal(Buffer.concat(parts).toString(), 'some');
      },
    ));

  it('ends when nothing comes, before its head and after', () =>
    withServer(
      ({ socket, request }) => request === 2 && socket.write(`${plainHead(100)}some`),
      async (get) => {
        await assert.rejects(get(), { code: 'ETIMEDOUT' });
        await assert.rejects(get().then(partsOf), { code: 'ETIMEDOUT' });
      },
      200,
    ));

  it('waits for a reader that takes its time', () =>
    withServer(
      serve,
      async (get) => {
        let received = 0;
        for await (const part of (await get())!.body) {
          if (received === 0) await delay(3000);
          received += (part as Uint8Array).length;
        }
        assert.equal(received, bytes.length);
      },
      2000,
    ));

  it("ends with the signal's reason when it is aborted", () =>
    withServer(
      ({ socket, request }) => request === 2 && socket.write(`${plainHead(100)}some`),
      async (get) => {
        for (let round = 0; round < 2; round += 1) {
          const controller = new AbortController();
          const reason = new Error('stopped');
          const parts = get({ signal: controller.signal }).then(partsOf);
          setTimeout(() => controller.abort(reason), 30);
          await assert.rejects(parts, (error) => error === reason);
        }
      },
    ));

  it('is not believed when more comes than was announced', () =>
    withServer(
      ({ socket }) => socket.write(`${plainHead(4)}some and more`),
      async (get) => {
        assert.equal(Buffer.concat(await partsOf(await get())).toString(), 'some');
        assert.equal(Buffer.concat(await partsOf(await get())).toString(), 'some');
      },
    ));
});
