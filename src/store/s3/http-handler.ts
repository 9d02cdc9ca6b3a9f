import { Agent, request as httpRequest, type ClientRequest, type IncomingMessage } from 'node:http';
import { Agent as TlsAgent, request as httpsRequest } from 'node:https';
import type { Readable } from 'node:stream';
import { createSecureContext, getCACertificates, type SecureContext } from 'node:tls';
import { KiB } from '../../base/bytes.ts';
import { paceSliceBytes } from '../object-store.ts';
import { slices } from '../pace.ts';
import { DirectReader, type DirectRequest } from './direct-reader.ts';

/** What the SDK hands over: a signed request whose body is whole in memory. */
export interface SignedRequest {
  readonly protocol: string;
  readonly hostname: string;
  readonly port?: number;
  readonly method: string;
  readonly path: string;
  readonly query?: Readonly<Record<string, string | readonly string[] | null>>;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

export interface Answer {
  readonly statusCode: number;
  readonly reason: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Readable;
}

export interface HandleOptions {
  readonly abortSignal?: AbortSignal;
  /** Awaited before each slice of the body is sent. */
  readonly pace?: (bytes: number) => Promise<void>;
  /** Memory for the body of the answer, which is read into it where that is possible; then the body is parts of it. */
  readonly into?: Uint8Array;
}

export interface HttpHandlerOptions {
  /** Certificates (PEM) to trust beside the public ones. */
  readonly caPem?: string;
  /** True checks no certificate. */
  readonly insecureTls?: boolean;
  /** How long a connection may take until it stands, TLS included. */
  readonly connectTimeoutMs: number;
  /** How long the other side may stay silent while we wait for it. */
  readonly idleTimeoutMs: number;
}

/** So much of a body is encrypted at once. */
const sliceBytes = 512 * KiB;

const timeoutError = (message: string): Error => Object.assign(new Error(message), { code: 'ETIMEDOUT' });

/** AWS signs what RFC 3986 calls unreserved as it is, and everything else escaped. */
const escape = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);

function queryString(query: SignedRequest['query']): string {
  const pairs = Object.entries(query ?? {})
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([name, value]) => {
      if (value === null) return [escape(name)];
      return (typeof value === 'string' ? [value] : value).map((one) => `${escape(name)}=${escape(one)}`);
    });
  return pairs.length === 0 ? '' : `?${pairs.join('&')}`;
}

function limitConnecting(request: ClientRequest, timeoutMs: number, isTls: boolean): void {
  request.once('socket', (socket) => {
    if (!socket.connecting) return;
    const timer = setTimeout(() => request.destroy(timeoutError(`no connection within ${timeoutMs} ms`)), timeoutMs);
    const stop = (): void => clearTimeout(timer);
    socket.once(isTls ? 'secureConnect' : 'connect', stop).once('close', stop);
  });
}

/** A reader that takes its time is not the other side's silence: only an empty buffer is. */
function limitSilence(request: ClientRequest, idleTimeoutMs: number): void {
  let answer: IncomingMessage | undefined;
  request.once('response', (response) => (answer = response));
  request.on('timeout', () => {
    if (answer !== undefined && answer.readableLength > 0) request.setTimeout(idleTimeoutMs);
    else request.destroy(timeoutError(`no byte within ${idleTimeoutMs} ms`));
  });
  request.setTimeout(idleTimeoutMs);
}

/**
 * Sends a body slice by slice, as the connection takes them: TLS would encrypt all of a large one at once, into memory of its
 * own.
 */
async function sendSlices(
  request: ClientRequest,
  body: Uint8Array,
  { pace, idleTimeoutMs }: { readonly pace: HandleOptions['pace']; readonly idleTimeoutMs: number },
): Promise<void> {
  for (const slice of slices(body, pace ? paceSliceBytes : sliceBytes)) {
    if (pace) {
      request.setTimeout(0); // waiting here is our own choice
      await pace(slice.length);
      request.setTimeout(idleTimeoutMs);
    }
    if (request.destroyed) return;
    if (!request.write(slice))
      await new Promise<void>((resolve) => {
        const go = (): void => {
          request.off('drain', go).off('close', go);
          resolve();
        };
        request.once('drain', go).once('close', go);
      });
  }
  request.end();
}

function bodyBytes(body: unknown): Uint8Array | undefined {
  if (body === undefined || body === null || body === '') return undefined;
  if (typeof body === 'string') return Buffer.from(body);
  if (body instanceof Uint8Array) return body;
  throw new TypeError('the body of a request must be in memory');
}

/** Without the brackets around an address of IPv6. */
const hostOf = ({ hostname }: SignedRequest): string => hostname.replace(/^\[(.*)\]$/, '$1');

function directRequest(signed: SignedRequest, into: Uint8Array, signal: AbortSignal | undefined): DirectRequest {
  const { protocol, method, path, query, headers } = signed;
  const isTls = protocol === 'https:';
  const fields = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  const text = [`${method} ${path}${queryString(query)} HTTP/1.1`, ...fields, '', ''].join('\r\n');
  return { isTls, host: hostOf(signed), port: signed.port ?? (isTls ? 443 : 80), text, into, signal };
}

/** Made once: the agent would name each request's connection by all certificates, and read them for each connection. */
const trusting = (caPem: string): SecureContext =>
  createSecureContext({ ca: [...getCACertificates('default'), caPem] });

/** Sends the SDK's requests: connections are kept, dead ones are noticed in bounded time, bodies can trickle. */
export class HttpHandler {
  readonly metadata = { handlerProtocol: 'http/1.1' };
  private readonly agent = new Agent({ keepAlive: true });
  private readonly tlsAgent: TlsAgent;
  private readonly direct: DirectReader;
  private readonly options: HttpHandlerOptions;

  constructor(options: HttpHandlerOptions) {
    this.options = options;
    const { caPem, insecureTls = false, connectTimeoutMs, idleTimeoutMs } = options;
    const secureContext = caPem === undefined ? undefined : trusting(caPem);
    const tls = { rejectUnauthorized: !insecureTls, ...(secureContext && { secureContext }) };
    this.tlsAgent = new TlsAgent({ keepAlive: true, ...tls });
    this.direct = new DirectReader({ tls, connectTimeoutMs, idleTimeoutMs });
  }

  /** Resolves when the head of the answer is there; its body is still to be read. */
  async handle(signed: SignedRequest, options: HandleOptions = {}): Promise<{ readonly response: Answer }> {
    const { abortSignal, pace, into } = options;
    abortSignal?.throwIfAborted();
    const body = bodyBytes(signed.body);
    const direct = into && body === undefined && (await this.direct.get(directRequest(signed, into, abortSignal)));
    if (direct) return { response: direct };
    abortSignal?.throwIfAborted();
    const { connectTimeoutMs, idleTimeoutMs } = this.options;
    const isTls = signed.protocol === 'https:';
    return new Promise((resolve, reject) => {
      const request = (isTls ? httpsRequest : httpRequest)({
        host: hostOf(signed),
        port: signed.port,
        method: signed.method,
        path: signed.path + queryString(signed.query),
        headers: signed.headers,
        agent: isTls ? this.tlsAgent : this.agent,
      });
      const onAbort = (): void => void request.destroy(abortSignal?.reason as Error);
      abortSignal?.addEventListener('abort', onAbort, { once: true });
      request.once('close', () => abortSignal?.removeEventListener('abort', onAbort));
      request.on('error', reject);
      request.once('response', (response) => resolve({ response: answerOf(response) }));
      limitConnecting(request, connectTimeoutMs, isTls);
      limitSilence(request, idleTimeoutMs);
      if (body === undefined || (pace === undefined && body.length <= sliceBytes)) request.end(body);
      else sendSlices(request, body, { pace, idleTimeoutMs }).catch((error: Error) => request.destroy(error));
    });
  }

  destroy(): void {
    this.direct.destroy();
    this.agent.destroy();
    this.tlsAgent.destroy();
  }

  /** Part of the SDK's interface for handlers. There is nothing that it may change. */
  updateHttpClientConfig(): void {}

  httpHandlerConfigs(): Readonly<Record<string, never>> {
    return {};
  }
}

function answerOf(response: IncomingMessage): Answer {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(response.headers))
    if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(', ') : value;
  return { statusCode: response.statusCode ?? 0, reason: response.statusMessage ?? '', headers, body: response };
}
