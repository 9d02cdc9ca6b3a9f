import { connect, isIP, type Socket } from 'node:net';
import { Readable } from 'node:stream';
import { type ConnectionOptions, connect as tlsConnect } from 'node:tls';
import { KiB, MiB } from '../../base/bytes.ts';
import { type AnswerHead, parseAnswerHead } from './answer-head.ts';

/** A connection's own memory: what comes by TLS comes in records of at most 16 KiB. */
const connectionBytes = 64 * KiB;
const longestHead = 64 * KiB;
/** What comes is handed on in pieces of this size, as each takes its way through all that stands before the reader. */
const pieceBytes = 256 * KiB;
/** So far may what comes be ahead of the reader. */
const aheadBytes = MiB;

export interface DirectRequest {
  readonly isTls: boolean;
  readonly host: string;
  readonly port: number;
  /** All of the request: it has no body. */
  readonly text: string;
  /** The memory that the answer is read into; it must not be longer. */
  readonly into: Uint8Array;
  readonly signal?: AbortSignal | undefined;
}

export interface DirectAnswer extends AnswerHead {
  /** In object mode: parts of the memory given, one behind the other. */
  readonly body: Readable;
}

export interface DirectReaderOptions {
  /** Which certificates are trusted. */
  readonly tls: Pick<ConnectionOptions, 'rejectUnauthorized' | 'secureContext'>;
  readonly connectTimeoutMs: number;
  readonly idleTimeoutMs: number;
}

/** Who is told of what happens at a connection. */
interface Listener {
  /** The bytes are overwritten when it returns. */
  onBytes(bytes: Uint8Array): void;
  onEnd(error: Error): void;
}

const timeoutError = (message: string): Error => Object.assign(new Error(message), { code: 'ETIMEDOUT' });
const endedError = (): Error =>
  Object.assign(new Error('the connection was closed before the end of the answer'), { code: 'ECONNRESET' });

/** A connection on which one request is at work at a time. What comes on it is read into the same memory again and again. */
class Connection {
  readonly socket: Socket;
  private listener: Listener | undefined;

  constructor({ isTls, host, port }: DirectRequest, options: DirectReaderOptions) {
    const { tls, connectTimeoutMs } = options;
    const buffer = Buffer.allocUnsafeSlow(connectionBytes);
    const onread = {
      buffer,
      callback: (length: number): boolean => {
        if (this.listener) this.listener.onBytes(buffer.subarray(0, length));
        else this.socket.destroy(); // nothing was asked for
        return true;
      },
    };
    const place = { host, port, onread };
    const names = isIP(host) ? {} : { servername: host };
    this.socket = isTls ? tlsConnect({ ...place, ...names, ...tls, ALPNProtocols: ['http/1.1'] }) : connect(place);
    const timer = setTimeout(
      () => this.socket.destroy(timeoutError(`no connection within ${connectTimeoutMs} ms`)),
      connectTimeoutMs,
    );
    this.socket.once(isTls ? 'secureConnect' : 'connect', () => clearTimeout(timer));
    this.socket.setNoDelay(true);
    let failure: Error | undefined;
    this.socket.on('error', (error) => (failure = error));
    this.socket.on('end', () => this.socket.destroy());
    this.socket.on('timeout', () => this.socket.destroy(timeoutError(`no byte within ${options.idleTimeoutMs} ms`)));
    this.socket.once('close', () => {
      clearTimeout(timer);
      this.listener?.onEnd(failure ?? endedError());
    });
  }

  begin(text: string, listener: Listener): void {
    this.listener = listener;
    this.socket.ref();
    this.socket.write(text, 'latin1');
  }

  /** Nothing more is expected. */
  rest(): void {
    this.listener = undefined;
    this.socket.setTimeout(0);
    this.socket.unref();
  }
}

/** One request: its head is gathered, then its body goes where it is wanted. */
class Reading implements Listener {
  /** Undefined when the answer isn't plain, or none came on a connection that had been used before. */
  readonly answer: Promise<DirectAnswer | undefined>;
  private readonly connection: Connection;
  private readonly request: DirectRequest;
  private readonly idleTimeoutMs: number;
  private readonly settled = Promise.withResolvers<DirectAnswer | undefined>();
  private readonly mayBeStale: boolean;
  private readonly onFree: () => void;
  private readonly body: Readable;
  private headText = '';
  private head: AnswerHead | undefined;
  private received = 0;
  private given = 0;
  private isAwaited = false;
  private failure: Error | undefined;

  constructor(
    connection: Connection,
    request: DirectRequest,
    options: { readonly mayBeStale: boolean; readonly idleTimeoutMs: number; readonly onFree: () => void },
  ) {
    this.connection = connection;
    this.request = request;
    this.mayBeStale = options.mayBeStale;
    this.idleTimeoutMs = options.idleTimeoutMs;
    this.onFree = options.onFree;
    this.answer = this.settled.promise;
    this.body = new Readable({
      objectMode: true,
      highWaterMark: 1,
      read: () => this.awaitMore(),
      destroy: (error, done) => {
        if (!this.isWhole) connection.socket.destroy();
        done(error);
      },
    });
    request.signal?.addEventListener('abort', this.onAbort, { once: true });
    connection.socket.setTimeout(options.idleTimeoutMs);
    connection.begin(request.text, this);
  }

  onBytes(bytes: Uint8Array): void {
    const body = this.head ? bytes : this.takeHead(bytes);
    if (!body || !this.head) return;
    const part = body.subarray(0, this.head.length - this.received);
    this.request.into.set(part, this.received);
    this.received += part.length;
    if (this.isWhole) this.leave(part.length === body.length && this.head.keepAlive);
    else if (this.received - this.given >= aheadBytes && !this.isAwaited) this.pause();
    this.deliver();
  }

  onEnd(error: Error): void {
    this.request.signal?.removeEventListener('abort', this.onAbort);
    this.failure = error;
    if (this.head) this.deliver();
    else if (this.mayBeStale && this.headText === '') this.settled.resolve(undefined);
    else this.settled.reject(error);
  }

  private get isWhole(): boolean {
    return this.head !== undefined && this.received === this.head.length;
  }

  private readonly onAbort = (): void => void this.connection.socket.destroy(this.request.signal?.reason as Error);

  /** What of the bytes is behind the head, once it is there. */
  private takeHead(bytes: Uint8Array): Uint8Array | undefined {
    const before = this.headText.length;
    this.headText += Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
    const end = this.headText.indexOf('\r\n\r\n', Math.max(0, before - 3));
    if (end < 0 && this.headText.length < longestHead) return undefined;
    const head = end < 0 ? undefined : parseAnswerHead(this.headText.slice(0, end));
    if (head === undefined || head.length === 0 || head.length > this.request.into.length) {
      this.leave(false);
      this.settled.resolve(undefined);
      return undefined;
    }
    this.head = head;
    this.settled.resolve({ ...head, body: this.body });
    return bytes.subarray(end + 4 - before);
  }

  /** The connection is another's, or nobody's. */
  private leave(canBeUsed: boolean): void {
    this.request.signal?.removeEventListener('abort', this.onAbort);
    this.connection.rest();
    if (canBeUsed) this.onFree();
    else this.connection.socket.destroy();
  }

  /** To wait for the reader is our own choice: no silence of the other side. */
  private pause(): void {
    this.connection.socket.pause().setTimeout(0);
  }

  private awaitMore(): void {
    this.isAwaited = true;
    this.deliver();
    const { socket } = this.connection;
    if (this.isWhole || this.failure || !socket.isPaused()) return;
    socket.setTimeout(this.idleTimeoutMs);
    socket.resume();
  }

  private deliver(): void {
    const waiting = this.received - this.given;
    if (!this.isAwaited || (waiting < pieceBytes && !this.isWhole && !this.failure)) return;
    this.isAwaited = false;
    this.given = this.received;
    if (waiting > 0) this.body.push(this.request.into.subarray(this.given - waiting, this.given));
    else if (this.isWhole) this.body.push(null);
    else this.body.destroy(this.failure);
  }
}

/**
 * Reads answers of known length straight into the memory of who asks, on connections of its own. Node.js' client would
 * hand them over in pieces that are made, copied and left to the garbage collector: half of the time of a large restore.
 */
export class DirectReader {
  private readonly options: DirectReaderOptions;
  private readonly idle = new Map<string, Connection[]>();
  private readonly open = new Set<Connection>();

  constructor(options: DirectReaderOptions) {
    this.options = options;
  }

  /**
   * Undefined when the answer isn't a plain success, or when a connection that was kept turns out to be dead: then it is
   * to be asked in the usual way. Rejects when the connection fails.
   */
  async get(request: DirectRequest): Promise<DirectAnswer | undefined> {
    const kept = this.keptFor(request).pop();
    const connection = kept ?? this.connect(request);
    const onFree = (): void => void this.keptFor(request).push(connection);
    const { idleTimeoutMs } = this.options;
    return new Reading(connection, request, { mayBeStale: kept !== undefined, idleTimeoutMs, onFree }).answer;
  }

  destroy(): void {
    for (const { socket } of this.open) socket.destroy();
  }

  private keptFor({ isTls, host, port }: DirectRequest): Connection[] {
    const place = `${isTls ? 'https' : 'http'}://${host}:${port}`;
    const known = this.idle.get(place) ?? [];
    this.idle.set(place, known);
    return known;
  }

  private connect(request: DirectRequest): Connection {
    const connection = new Connection(request, this.options);
    this.open.add(connection);
    connection.socket.once('close', () => {
      this.open.delete(connection);
      const kept = this.keptFor(request);
      const at = kept.indexOf(connection);
      if (at >= 0) kept.splice(at, 1);
    });
    return connection;
  }
}
