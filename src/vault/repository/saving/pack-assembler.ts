import { KiB } from '../../../base/bytes.ts';
import type { Clock } from '../../../base/clock.ts';
import { Semaphore } from '../../../base/concurrency.ts';
import type { ObjectStore, UnnamedUpload } from '../../../store/index.ts';
import { type BlobType, encodePackHeader, type PackedBlob } from '../format/pack-header.ts';
import { fileKey } from '../layout.ts';
import { packDigest } from '../threads/pack-digest.ts';
import type { ThreadPool } from '../threads/thread-pool.ts';
import { type PackMemory, underWayBytes } from './pack-memory.ts';
import { PackStream } from './pack-stream.ts';

/** So many of data are enough for a store that takes one in this time, while the next one fills. */
const fewPacks = 2;
const quickMs = 250;
/** So many packs are sent at most before they may be seen in the store. */
const mostStaged = 16;

/** Most blobs below this size are whole files: of a large one they have 512 KiB or more. */
const smallBytes = 256 * KiB;

/** Of tiny blobs a pack holds no more than an index file should; its header has a limit too. */
const mostBlobs = 50_000;

/** A pack that fills. */
export interface OpenPack {
  /** By which number the threads know its memory. */
  readonly number: number;
  readonly type: BlobType;
  readonly blobs: PackedBlob[];
  /** At most so much will be in it when the requests under way have ended. */
  boundBytes: number;
  readonly requests: Set<PackRoom>;
  full: boolean;
  /** Where it is sent while it fills. */
  readonly stream: PackStream | undefined;
}

/** Room in a pack for what a request puts there. */
export interface PackRoom {
  readonly pack: OpenPack;
  readonly boundBytes: number;
  /** What the request puts there comes behind so many bytes of the pack. */
  readonly from: number;
}

/** Who waits for memory for a pack. */
interface Waiting extends PromiseWithResolvers<number> {
  readonly type: BlobType;
}

export interface PackAssemblerOptions {
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly storeOf: (type: BlobType) => ObjectStore;
  readonly threads: ThreadPool;
  readonly memory: PackMemory;
  /** A pack that has reached it is full. */
  readonly packSizeBytes: number;
  /** True where each pack is made durable by itself: a sync of all would wait for what others write to the same disk, too. */
  readonly durable?: boolean;
  readonly signal: AbortSignal;
  /** No pack may be seen in the store before this has resolved. */
  readonly mayWrite?: Promise<unknown>;
  /** Told of each pack that the store has. */
  readonly onStored: (pack: { readonly id: string; readonly sizeBytes: number; readonly blobs: PackedBlob[] }) => void;
  readonly onFailed: (error: unknown) => void;
}

/**
 * Puts blobs together to packs of one type and uploads them. All threads seal into one open pack of each type; a full
 * one gets its header and goes to the store while the next one fills. Unless `durable`, packs are not so before the store's `sync`.
 */
export class PackAssembler {
  private readonly options: PackAssemblerOptions;
  private readonly open = new Map<BlobType, OpenPack>();
  private readonly turns = { data: new Semaphore(1), tree: new Semaphore(1) };
  private readonly free: number[];
  private readonly waiting: Waiting[] = [];
  /** How many packs of data fill or are on their way. */
  private dataPacks = 0;
  private isQuick = true;
  private readonly finishing = new Set<Promise<void>>();
  private failure: { readonly error: unknown } | undefined;
  /** Whether packs may be seen in the store by now, and how many are there that may not. */
  private mayWrite: boolean;
  private staged = 0;

  constructor(options: PackAssemblerOptions) {
    this.options = options;
    this.mayWrite = options.mayWrite === undefined;
    options.mayWrite?.then(
      () => (this.mayWrite = true),
      () => {}, // whoever stores a pack hears of it
    );
    this.free = options.memory.packs.map((_, number) => number).reverse();
  }

  /** Room for `boundBytes`. Each call must be followed by one of `settle`. */
  async reserve(type: BlobType, boundBytes: number): Promise<PackRoom> {
    return this.turns[type].run(async () => {
      let pack = this.open.get(type);
      if (pack && this.isTaken(pack, boundBytes)) this.end(pack);
      if (!pack || pack.full) pack = await this.begin(type);
      this.growFor(pack, boundBytes);
      pack.boundBytes += boundBytes;
      const room = { pack, boundBytes, from: this.usedOf(pack) };
      pack.requests.add(room);
      return room;
    });
  }

  /** The request that `reserve` made room for has put `blobs` into the pack. */
  settle(room: PackRoom, blobs: readonly PackedBlob[]): void {
    const { pack, boundBytes } = room;
    pack.requests.delete(room);
    pack.boundBytes -= boundBytes;
    for (const blob of blobs) {
      pack.blobs.push(blob);
      pack.boundBytes += blob.length;
    }
    const used = this.usedOf(pack);
    if (pack.stream && fillsSlowly(pack))
      pack.stream.grow(Math.min(used, ...Array.from(pack.requests, ({ from }) => from)));
    if (pack.full) this.finishWhenIdle(pack);
    else if (used >= this.options.packSizeBytes || pack.blobs.length >= mostBlobs) this.end(pack);
  }

  /** Ends the packs that are open and resolves when the store has all. */
  async flush(): Promise<void> {
    for (const pack of this.open.values()) this.end(pack);
    while (this.finishing.size > 0) await Promise.all(this.finishing);
    if (this.failure) throw this.failure.error;
  }

  /** Ends everybody who waits; uploads under way come to their end by themselves. */
  fail(error: unknown): void {
    this.failure ??= { error };
    for (const turn of this.waiting.splice(0)) turn.reject(error);
    for (const { stream } of this.open.values()) if (stream) this.follow(stream.abort(error));
  }

  /** Resolves when no upload is under way. Never rejects. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.finishing);
  }

  private usedOf({ number }: OpenPack): number {
    return this.options.memory.usedBytes[number] ?? 0;
  }

  /** Whether a pack will be full by what is under way, or has no room for so much more. */
  private isTaken(pack: OpenPack, boundBytes: number): boolean {
    const { packSizeBytes } = this.options;
    return pack.boundBytes >= packSizeBytes + underWayBytes || pack.boundBytes + boundBytes > this.roomOf(pack);
  }

  private roomOf({ number }: OpenPack): number {
    return this.options.memory.packs[number]?.byteLength ?? 0;
  }

  private growFor(pack: OpenPack, boundBytes: number): void {
    const needed = pack.boundBytes + boundBytes;
    if (needed > this.roomOf(pack)) this.options.memory.packs[pack.number]?.grow(needed);
  }

  private async begin(type: BlobType): Promise<OpenPack> {
    if (this.failure) throw this.failure.error;
    const turn: Waiting = { type, ...Promise.withResolvers<number>() };
    this.waiting.push(turn);
    this.serve();
    const number = await turn.promise;
    this.options.memory.usedBytes[number] = 0;
    const stream = this.streamOf(type, number);
    const pack: OpenPack = { number, type, blobs: [], boundBytes: 0, requests: new Set(), full: false, stream };
    this.open.set(type, pack);
    return pack;
  }

  /** For a pack that can be sent while it fills; one of trees grows slowly, and is kept on this machine too. */
  private streamOf(type: BlobType, pack: number): PackStream | undefined {
    const { storeOf, memory, threads, durable = false, signal } = this.options;
    const store = storeOf(type);
    const { startUnnamed } = store;
    if (type === 'tree' || !packDigest || !startUnnamed) return undefined;
    const start = (): Promise<UnnamedUpload> => startUnnamed.call(store, 'data/', { deferSync: !durable, signal });
    return new PackStream({ pack, memory, threads, start });
  }

  private end(pack: OpenPack): void {
    if (pack.full) return;
    pack.full = true;
    this.open.delete(pack.type);
    this.finishWhenIdle(pack);
  }

  private finishWhenIdle(pack: OpenPack): void {
    if (pack.requests.size > 0) return;
    const finished = this.finish(pack).catch((error: unknown) => {
      this.fail(error);
      this.options.onFailed(error);
    });
    this.follow(finished);
  }

  private follow(work: Promise<void>): void {
    const done: Promise<void> = work.finally(() => this.finishing.delete(done));
    this.finishing.add(done);
  }

  private async finish(pack: OpenPack): Promise<void> {
    const { threads, memory, onStored } = this.options;
    const blobs = pack.blobs.sort((a, b) => a.offset - b.offset);
    if (blobs.length > 0) {
      const header = encodePackHeader(blobs);
      this.growFor({ ...pack, boundBytes: this.usedOf(pack) }, header.length + headerOverhead);
      if (pack.stream?.isStarted === true) return this.finishStream(pack, pack.stream, header);
      const { id, sizeBytes } = await threads.run({ op: 'finish', pack: pack.number, digested: 0, header });
      await this.store(pack, fileKey('data', id), memory.bytes(pack.number, 0, sizeBytes));
      onStored({ id, sizeBytes, blobs });
    } else this.giveBack(pack);
  }

  /** The same for a pack of which most has been sent. */
  private async finishStream(pack: OpenPack, stream: PackStream, header: Uint8Array): Promise<void> {
    const { onStored, mayWrite, clock } = this.options;
    try {
      const startMs = clock.monotonicMs();
      const { id, sizeBytes } = await stream.end(header);
      this.isQuick &&= clock.monotonicMs() - startMs < quickMs;
      if (this.staged >= mostStaged) await mayWrite;
      if (!this.mayWrite) this.staged += 1;
      this.giveBack(pack);
      await mayWrite;
      await stream.complete(fileKey('data', id));
      onStored({ id, sizeBytes, blobs: pack.blobs });
    } catch (error) {
      await stream.abort(error);
      throw error;
    }
  }

  /** Resolves when the store has the pack; its memory may be another's before. */
  private async store(pack: OpenPack, key: string, bytes: Uint8Array): Promise<void> {
    const { storeOf, durable = false, signal, mayWrite, clock } = this.options;
    if (!this.mayWrite && pack.type === 'data' && this.staged < mostStaged) return this.stage(pack, key, bytes);
    await mayWrite;
    const startMs = clock.monotonicMs();
    await storeOf(pack.type).put(key, bytes, { deferSync: !durable, signal });
    this.isQuick &&= clock.monotonicMs() - startMs < quickMs;
    this.giveBack(pack);
  }

  /** Sends the pack, and names it when it may be seen. */
  private async stage(pack: OpenPack, key: string, bytes: Uint8Array): Promise<void> {
    const { storeOf, signal, mayWrite } = this.options;
    this.staged += 1;
    const upload = await storeOf(pack.type).startUpload(key, { deferSync: true, signal });
    try {
      let parts = 0;
      for (let at = 0; at < bytes.length; parts += 1) {
        const part = bytes.subarray(at, at + upload.partSizeBytes(parts));
        await upload.putPart(parts, part);
        at += part.length;
      }
      this.giveBack(pack);
      await mayWrite;
      await upload.complete(parts);
    } catch (error) {
      await upload.abort().catch(() => {}); // the first failure is the one to tell
      throw error;
    }
  }

  private giveBack({ number, type, blobs }: OpenPack): void {
    if (type === 'data') this.dataPacks -= 1;
    // What is compressed fills a pack slowly while another leaves: then its memory is not needed for two.
    if (blobs.some(isCompressed)) this.options.memory.giveBack(number);
    this.free.push(number);
    this.serve();
  }

  /** Gives memory to those who wait and may have it. */
  private serve(): void {
    for (let at = 0; at < this.waiting.length;) {
      const { type, resolve } = this.waiting[at] as Waiting;
      const isData = type === 'data';
      if (this.free.length === 0 || (isData && this.isQuick && this.dataPacks >= fewPacks)) at += 1;
      else {
        if (isData) this.dataPacks += 1;
        this.waiting.splice(at, 1);
        resolve(this.free.pop() ?? 0);
      }
    }
  }
}

/**
 * What is compressed, or comes in small files, fills a pack slowly: to send that in parts costs nothing. In large pieces that
 * stay as they are a gigabyte comes in two seconds: memory given back and taken again, and more writes, would cost a tenth of
 * the processor's time.
 */
const fillsSlowly = ({ blobs, boundBytes }: OpenPack): boolean =>
  blobs.length * smallBytes > boundBytes || blobs.some(isCompressed);

const isCompressed = ({ rawLength }: PackedBlob): boolean => rawLength !== undefined;

/** Around a header: its seal (32 bytes), and its length. */
const headerOverhead = 36;
