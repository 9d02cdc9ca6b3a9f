/**
 * Stands between a client and an S3 server and makes a share of the requests go wrong. Deterministic for a seed and an
 * order of requests. The Host header is passed on as it came, because it is signed.
 */
import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { Transform } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';

export const faultKinds = [
  /** 500, nothing done. */
  'error-500',
  /** 503 SlowDown, nothing done. */
  'slow-down',
  /** The connection breaks, nothing done. */
  'reset-before',
  /** The server does it, and the answer is lost. */
  'reset-after',
  /** The answer's body breaks off half-way. */
  'short-body',
  /** The answer comes late. */
  'delay',
  /** The answer has an ETag that is not the object's. */
  'wrong-etag',
  /** A bit of the request's body flips on its way. */
  'damaged-upload',
] as const;
/** 403, nothing done; what is not there is still said to be not there, as to those who may list and not read. */
export const refusal = 'access-denied';
export type FaultKind = (typeof faultKinds)[number] | typeof refusal;

export interface FaultProxyOptions {
  /** Where the requests go: "http://127.0.0.1:port". */
  readonly target: string;
  readonly seed: number;
  /** Share of the requests that suffer a fault, 0 to 1. */
  readonly rate: number;
  readonly kinds: readonly FaultKind[];
  /** Which requests may suffer; all unless given. */
  readonly filter?: (request: IncomingMessage) => boolean;
  readonly delayMs?: number;
  /** What a delayed answer waits for, instead of a time. */
  readonly held?: Promise<unknown>;
}

export interface FaultProxy {
  readonly endpoint: string;
  /** How many requests came, and how often each fault happened. */
  readonly counters: { requests: number } & Record<FaultKind, number>;
  /** From now on another share suffers. */
  setRate(rate: number): void;
  stop(): Promise<void>;
}

/** Numbers from 0 up to 1, the same for the same seed (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const errorBody = (code: string): string =>
  `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>a fault of the proxy</Message></Error>`;

function refuse(request: IncomingMessage, response: ServerResponse, status: number, code: string): void {
  request.resume(); // the client may still be sending
  request.once('end', () => {
    response.writeHead(status, { 'content-type': 'application/xml' });
    response.end(errorBody(code));
  });
}

function bitFlip(): Transform {
  let done = false;
  return new Transform({
    transform(chunk: Buffer, _encoding, callback) {
      const damaged = Buffer.from(chunk);
      if (!done) damaged[0]! ^= 1;
      done = true;
      callback(null, damaged);
    },
  });
}

/** Passes the request on and resolves with the server's answer, whose body is still to be read. */
function forward(response: ServerResponse, target: URL, kind?: FaultKind): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const { req: request } = response;
    const { method, url, rawHeaders } = request;
    const to = { host: target.hostname, port: target.port, method, path: url, headers: rawHeaders, agent: false };
    const onward = httpRequest({ ...to, setHost: false } as never, resolve).on('error', reject);
    response.once('close', () => onward.destroy()); // nobody waits for an answer any more
    if (kind === 'damaged-upload') request.pipe(bitFlip()).pipe(onward);
    else request.pipe(onward);
  });
}

async function answer(response: ServerResponse, from: IncomingMessage, kind?: FaultKind): Promise<void> {
  const headers = { ...from.headers };
  if (kind === 'wrong-etag' && headers['etag'] !== undefined) headers['etag'] = '"00000000000000000000000000000000"';
  response.writeHead(from.statusCode ?? 502, headers);
  if (kind !== 'short-body') return void from.pipe(response);
  const chunks: Buffer[] = await Array.fromAsync(from);
  const body = Buffer.concat(chunks);
  response.write(body.subarray(0, Math.floor(body.length / 2)), () => response.destroy());
  if (body.length < 2) response.destroy();
}

async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  { kind, target, wait }: { kind: FaultKind | undefined; target: URL; wait: () => Promise<unknown> },
): Promise<void> {
  if (kind === 'error-500') return refuse(request, response, 500, 'InternalError');
  if (kind === 'slow-down') return refuse(request, response, 503, 'SlowDown');
  if (kind === 'reset-before') return void request.socket.resetAndDestroy();
  const isReading = request.method === 'GET' || request.method === 'HEAD';
  if (kind === refusal && !isReading) return refuse(request, response, 403, 'AccessDenied');
  const from = await forward(response, target, kind);
  if (kind === refusal && (from.statusCode ?? 0) < 300) {
    from.destroy();
    response.writeHead(403, { 'content-type': 'application/xml' });
    return void response.end(request.method === 'HEAD' ? '' : errorBody('AccessDenied'));
  }
  if (kind === 'delay') await wait();
  if (kind === 'reset-after') {
    await Array.fromAsync(from);
    return void request.socket.resetAndDestroy();
  }
  await answer(response, from, kind);
}

export async function startFaultProxy(options: FaultProxyOptions): Promise<FaultProxy> {
  const random = seededRandom(options.seed);
  const target = new URL(options.target);
  let { rate } = options;
  const { delayMs = 50, held } = options;
  // A long delay must not outlive the tests.
  const wait = (): Promise<unknown> => held ?? delay(delayMs, undefined, { ref: false });
  const counters = Object.fromEntries([
    ['requests', 0],
    ...[...faultKinds, refusal].map((kind) => [kind, 0]),
  ]) as FaultProxy['counters'];
  const sockets = new Set<Socket>();
  const server = createServer((request, response) => {
    counters.requests += 1;
    const suffers = (options.filter?.(request) ?? true) && random() < rate;
    const kind = suffers ? options.kinds[Math.floor(random() * options.kinds.length)] : undefined;
    if (kind !== undefined) counters[kind] += 1;
    serve(request, response, { kind, target, wait }).catch(() => response.destroy());
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket)).on('error', () => {});
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    counters,
    setRate: (next) => void (rate = next),
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
