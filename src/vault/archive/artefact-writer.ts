import type { SourceEntry } from '../../source/index.ts';
import { type ObjectInfo, type ObjectStore, putStream } from '../../store/index.ts';
import { vaultError } from '../errors.ts';
import { hasCode } from '../../base/errors.ts';
import type { Compression, EncryptionSpec } from './archive-spec.ts';
import { BlockBuilder } from './block-builder.ts';
import { BlockChannel } from './block-channel.ts';
import { blockBytesOf, compress } from './compression/compress.ts';
import { startSeal } from './encryption/encryption.ts';
import type { Seal } from './encryption/seal.ts';
import { escapeBytes } from './layout.ts';
import type { Artefact } from './manifest.ts';
import { Tally } from './tally.ts';
import { TarWriter } from './tar/tar-writer.ts';

export interface ArtefactOptions {
  readonly store: ObjectStore;
  readonly key: string;
  readonly shape: 'tree' | 'file';
  readonly compression: Compression;
  readonly encryption: EncryptionSpec | undefined;
  readonly signal: AbortSignal;
  /** Kept beside the object by stores that can. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Whether the store takes conditional writes. */
  readonly conditional: boolean;
}

/**
 * Streams entries into one object: entries → tar → blocks → frames → encryption → store. `add` waits while the store is
 * behind; memory is bounded by the blocks that are under way. End it with `finish` or `fail`.
 */
export class ArtefactWriter {
  files = 0;
  sizeBytes = 0;
  private readonly options: ArtefactOptions;
  private readonly channel = new BlockChannel();
  private readonly plain = new Tally();
  private readonly stored = new Tally();
  private readonly free: Buffer[] = [];
  private readonly builder: BlockBuilder;
  private readonly tar: TarWriter;
  private readonly seal: Seal | undefined;
  private readonly upload: Promise<ObjectInfo>;
  private entry: Artefact['entry'];

  private constructor(options: ArtefactOptions, seal: Seal | undefined) {
    const blockBytes = blockBytesOf[options.compression.algorithm];
    this.options = options;
    this.seal = seal;
    this.builder = new BlockBuilder(
      blockBytes,
      () => this.free.pop() ?? Buffer.allocUnsafeSlow(blockBytes),
      async (block) => {
        this.plain.add(block);
        await this.channel.push(block);
      },
    );
    this.tar = new TarWriter((bytes) => this.builder.write(bytes));
    this.upload = putStream(options.store, options.key, this.storedChunks(), {
      ...(options.conditional ? { ifAbsent: true } : {}),
      metadata: options.metadata,
      signal: options.signal,
    });
    this.upload.catch((error: unknown) => this.channel.fail(error));
  }

  /** Begins to upload. */
  static async start(options: ArtefactOptions): Promise<ArtefactWriter> {
    const seal = options.encryption ? await startSeal(options.encryption) : undefined;
    return new ArtefactWriter(options, seal);
  }

  async add(entry: SourceEntry): Promise<void> {
    if (this.options.shape === 'tree') {
      await this.tar.add(entry, this.options.signal);
      if (entry.type === 'file' && entry.hardLinkTo === undefined) this.sizeBytes += entry.sizeBytes ?? 0;
    } else await this.addOnlyFile(entry);
    if (entry.type === 'file') this.files += 1;
  }

  /** Ends the object and checks that the store holds as much as was sent. */
  async finish(): Promise<Artefact> {
    if (this.options.shape === 'tree') await this.tar.end();
    await this.builder.flush();
    // Even nothing is a frame, so that gunzip and zstd accept it.
    if (this.plain.bytes === 0) await this.channel.push(new Uint8Array(0));
    this.channel.end();
    const info = await this.upload;
    if (info.sizeBytes !== this.stored.bytes) {
      throw vaultError('wrong-size', {
        message: `The store says that "${this.options.key}" has ${info.sizeBytes} bytes; ${this.stored.bytes} were sent.`,
        hint: 'Run the backup again; if it happens again, the store loses data.',
        context: { key: this.options.key },
      });
    }
    const encryption = this.seal?.descriptor();
    return {
      key: this.options.key,
      storedBytes: this.stored.bytes,
      storedSha256: this.stored.sha256(),
      plainBytes: this.plain.bytes,
      plainSha256: this.plain.sha256(),
      compression: this.options.compression.algorithm,
      ...(encryption ? { encryption } : {}),
      ...(this.entry ? { entry: this.entry } : {}),
    };
  }

  /**
   * Gives up and waits until nothing is under way. Returns what became of the object: it is there, it is not (or the
   * store's answer was lost), or another one was there before.
   */
  async fail(error: unknown): Promise<'stored' | 'not-stored' | 'taken'> {
    this.channel.fail(error);
    try {
      await this.upload;
      return 'stored';
    } catch (uploadError) {
      return hasCode(uploadError, 'store/already-exists') ? 'taken' : 'not-stored';
    }
  }

  private async addOnlyFile(entry: SourceEntry): Promise<void> {
    if (this.entry !== undefined || entry.type !== 'file' || !entry.open) {
      throw vaultError('not-a-file', {
        message: `A source of one file gave "${entry.path.toString()}", which is a ${this.entry ? 'second' : entry.type} entry.`,
        hint: 'This is a defect of the source; report it.',
      });
    }
    const { path, mode, uid, gid, mtimeNs } = entry;
    this.entry = { name: escapeBytes(path), mode, uid, gid, mtimeNs: mtimeNs.toString() };
    for await (const chunk of entry.open(this.options.signal)) {
      this.sizeBytes += chunk.length;
      await this.builder.write(chunk);
    }
    if (entry.sizeBytes !== undefined && entry.sizeBytes !== this.sizeBytes) {
      throw vaultError('wrong-size', {
        message: `"${path.toString()}" was announced with ${entry.sizeBytes} bytes and has ${this.sizeBytes}.`,
        hint: 'This is a defect of the source; report it.',
      });
    }
  }

  private storedChunks(): AsyncGenerator<Uint8Array> {
    const frames = compress(this.channel, this.options.compression, (block) => this.recycle(block));
    return this.stored.through(this.seal ? this.seal.seal(frames) : frames);
  }

  private recycle(block: Uint8Array): void {
    if (block.length > 0) this.free.push(Buffer.from(block.buffer));
  }
}
