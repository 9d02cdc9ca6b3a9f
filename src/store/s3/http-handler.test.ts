import assert from 'node:assert/strict';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { testBytes } from '../testing/store-testing.ts';
import { HttpHandler, type SignedRequest } from './http-handler.ts';

async function withServer(
  listener: RequestListener,
  work: (request: SignedRequest, handler: HttpHandler) => Promise<void>,
  idleTimeoutMs = 20_000,
): Promise<void> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const handler = new HttpHandler({ connectTimeoutMs: 20_000, idleTimeoutMs });
  const request = { protocol: 'http:', hostname: '127.0.0.1', port, method: 'PUT', path: '/a%20b', headers: {} };
  try {
    await work(request, handler);
  } finally {
    handler.destroy();
    server.closeAllConnections();
    server.close();
  }
}

describe('the HTTP handler', () => {
  it('sends what was signed, as it was signed', () => {
    const query = { list: ['b', 'a'], 'x-id': 'Get (it)!', flag: null, empty: '' };
    return withServer(
      (request, response) => response.end(JSON.stringify([request.method, request.url, request.headers['x-one']])),
      async (request, handler) => {
        const { response } = await handler.handle({ ...request, query, headers: { 'x-one': '1' } });
        assert.equal(response.statusCode, 200);
        assert.deepEqual(JSON.parse((await Array.fromAsync(response.body)).join('')), [
          'PUT',
          '/a%20b?empty=&flag&list=b&list=a&x-id=Get%20%28it%29%21',
          '1',
        ]);
      },
    );
  });

  it('lets a body trickle in slices, however long its pace takes', () =>
    withServer(
      (request, response) => void request.pipe(response),
      async (request, handler) => {
        const body = testBytes(200_000);
        const seen: number[] = [];
        const pace = async (bytes: number): Promise<void> => {
          seen.push(bytes);
          if (seen.length === 2) await delay(1500); // longer than silence may last
        };
        const headers = { 'content-length': String(body.length) };
        const { response } = await handler.handle({ ...request, headers, body }, { pace });
        assert.ok(Buffer.concat(await Array.fromAsync(response.body)).equals(body));
        assert.deepEqual(seen, [65_536, 65_536, 65_536, 3392]);
      },
      1000,
    ));

  it('sends a large body whole, to a reader that takes its time, too', () =>
    withServer(
      (request, response) => void setTimeout(() => request.pipe(response), 100),
      async (request, handler) => {
        const body = testBytes(20_000_000);
        const headers = { 'content-length': String(body.length) };
        const { response } = await handler.handle({ ...request, headers, body });
        assert.ok(Buffer.concat(await Array.fromAsync(response.body)).equals(body));
      },
    ));

  it('ends a request that gets no answer', () =>
    withServer(
      () => {},
      (request, handler) => assert.rejects(handler.handle(request), { code: 'ETIMEDOUT' }),
      300,
    ));

  it('ends a request whose answer dries up', () =>
    withServer(
      (_request, response) => void response.writeHead(200, { 'content-length': 100 }).write('some'),
      async (request, handler) => {
        const { response } = await handler.handle(request);
        await assert.rejects(Array.fromAsync(response.body));
      },
      300,
    ));

  it('waits for a reader that takes its time', () =>
    withServer(
      (_request, response) => void response.end(testBytes(3_000_000)),
      async (request, handler) => {
        const { response } = await handler.handle(request);
        let received = 0;
        for await (const chunk of response.body as AsyncIterable<Buffer>) {
          if (received === 0) await delay(1500);
          received += chunk.length;
        }
        assert.equal(received, 3_000_000);
      },
      1000,
    ));

  it("ends with the signal's reason when it is aborted", () =>
    withServer(
      () => {},
      async (request, handler) => {
        const controller = new AbortController();
        const reason = new Error('stopped');
        const answer = handler.handle(request, { abortSignal: controller.signal });
        controller.abort(reason);
        await assert.rejects(answer, (error) => error === reason);
      },
    ));

  it('gives up connecting after its time', async () => {
    const handler = new HttpHandler({ connectTimeoutMs: 50, idleTimeoutMs: 60_000 });
    // An address for documentation: nobody answers.
    const request = { protocol: 'http:', hostname: '192.0.2.1', port: 80, method: 'GET', path: '/', headers: {} };
    await assert.rejects(handler.handle(request));
    handler.destroy();
  });
});
