import { MiB } from '../../../base/bytes.ts';
import type { ObjectInfo, UnnamedUpload } from '../../../store/index.ts';
import type { ThreadAnswers } from '../threads/requests.ts';
import type { ThreadPool } from '../threads/thread-pool.ts';
import type { PackMemory } from './pack-memory.ts';

/** A pack that stays smaller is sent whole. */
const leastBytes = 4 * MiB;

export interface PackStreamOptions {
  /** The pack's number. */
  readonly pack: number;
  readonly memory: PackMemory;
  readonly threads: ThreadPool;
  /** Starts the upload. */
  readonly start: () => Promise<UnnamedUpload>;
}

/**
 * Sends a pack while it fills, part after part: what has left gives its memory back. Only its end, with the header, is
 * sent when nothing more comes; by then its name is known.
 */
export class PackStream {
  private readonly options: PackStreamOptions;
  private upload: UnnamedUpload | undefined;
  /** So many bytes from the pack's first one on stay as they are, of which so many have been sent, in so many parts. */
  private wholeBytes = 0;
  private sentBytes = 0;
  private parts = 0;
  private sending: Promise<void> | undefined;
  private failure: { readonly error: unknown } | undefined;
  private aborted: Promise<void> | undefined;

  constructor(options: PackStreamOptions) {
    this.options = options;
  }

  get isStarted(): boolean {
    return this.wholeBytes > 0;
  }

  /** Tells that the first `wholeBytes` of the pack will not change. What fails is told by `end`. */
  grow(wholeBytes: number): void {
    if (wholeBytes < leastBytes || wholeBytes <= this.wholeBytes) return;
    this.wholeBytes = wholeBytes;
    this.sending ??= this.sendWholeParts()
      .catch((error: unknown) => void (this.failure ??= { error }))
      .finally(() => (this.sending = undefined));
  }

  /** Ends the pack by its header and sends what is left of it. To be called when all of it is there. */
  async end(header: Uint8Array): Promise<ThreadAnswers['finish']> {
    await this.sending;
    const upload = this.uploadUnderWay();
    const { pack, threads } = this.options;
    const ended = await threads.run({ op: 'finish', pack, digested: this.sentBytes, header });
    while (this.sentBytes < ended.sizeBytes)
      await this.send(upload, Math.min(upload.partSizeBytes(this.parts), ended.sizeBytes - this.sentBytes));
    return ended;
  }

  /** Makes the pack visible. */
  async complete(key: string): Promise<ObjectInfo> {
    return this.uploadUnderWay().complete(key, this.parts);
  }

  /** Gives up: removes what was sent. Never rejects: a sweep finds what is left. */
  abort(reason: unknown): Promise<void> {
    this.failure ??= { error: reason };
    return (this.aborted ??= this.removeSent());
  }

  private async removeSent(): Promise<void> {
    await this.sending;
    await this.upload?.abort().catch(() => {});
  }

  private uploadUnderWay(): UnnamedUpload {
    if (this.failure) throw this.failure.error;
    return this.upload as UnnamedUpload;
  }

  private async sendWholeParts(): Promise<void> {
    if (this.failure) return;
    const upload = (this.upload ??= await this.options.start());
    const { pack, threads } = this.options;
    for (;;) {
      const offset = this.sentBytes;
      const length = upload.partSizeBytes(this.parts);
      if (this.failure || offset + length > this.wholeBytes) return;
      await threads.run({ op: 'digest', pack, offset, length });
      await this.send(upload, length);
    }
  }

  private async send(upload: UnnamedUpload, length: number): Promise<void> {
    const { pack, memory } = this.options;
    await upload.putPart(this.parts, memory.bytes(pack, this.sentBytes, length));
    memory.giveBack(pack, this.sentBytes, length);
    this.sentBytes += length;
    this.parts += 1;
  }
}
