import { createHash } from 'node:crypto';
import { collect, MiB } from '../../base/bytes.ts';
import { mapOrdered } from '../../base/concurrency.ts';
import type { Clock } from '../../base/clock.ts';
import { hasCode } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { ObjectStore } from '../../store/index.ts';
import { vaultError } from '../errors.ts';
import { open, seal, type SealingKey } from './crypto/sealing-key.ts';
import type { RepositoryConfig } from './format/config-file.ts';
import { decodeIndex, type IndexFile } from './format/index-file.ts';
import { decodeUnpacked, encodeUnpacked } from './format/unpacked.ts';
import { decompressBlob } from './format/zstd.ts';
import type { BlobType } from './format/pack-header.ts';
import { BlobIndex } from './blob-index.ts';
import { missingBlob } from './missing-blob.ts';
import { fileKey, type FileKind, idOfKey } from './layout.ts';

/** No file but a pack is larger; what is, is not one of a repository. */
const largestFileBytes = 512 * MiB;

/** How many index files are read at once. */
const indexFilesAtOnce = 4;

/** A file's name and its size, as the store lists it. */
export interface ListedFile {
  readonly id: string;
  readonly sizeBytes: number;
}

/** A lock under which the repository is changed. */
export interface HeldLock {
  /** Throws vault/lock-lost when it is not ours any more: others may have deleted what is relied on. */
  assertHeld(): Promise<void>;
}

export interface RepositoryParts {
  readonly store: ObjectStore;
  /** The store for packs of trees, where those are kept on this machine; the same unless given. */
  readonly treeStore?: ObjectStore | undefined;
  readonly key: SealingKey;
  /** The key file by which it was opened; restore points do not need it, `key` commands do. */
  readonly keyId: string;
  readonly config: RepositoryConfig;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The locks that are held; none unless given. */
  readonly locks?: Set<HeldLock>;
}

/**
 * An opened repository: its files, read and written with their seals, and the index of its blobs. What is done with it
 * (backup, check, prune …) are functions that take it.
 */
export class Repository {
  readonly store: ObjectStore;
  readonly treeStore: ObjectStore;
  readonly key: SealingKey;
  readonly keyId: string;
  readonly config: RepositoryConfig;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Those of all objects that were made of one. */
  readonly locks: Set<HeldLock>;
  /** Of all index files that `loadIndex` has found, and of the packs that were added since. */
  index = new BlobIndex();
  /** The packs of trees that `loadBlob` has found damaged, by the trees' ids. */
  readonly damagedTrees = new Map<string, string>();
  /** The index files that it was made of. */
  private loaded = new Set<string>();

  constructor(parts: RepositoryParts) {
    this.store = parts.store;
    this.treeStore = parts.treeStore ?? parts.store;
    this.key = parts.key;
    this.keyId = parts.keyId;
    this.config = parts.config;
    this.clock = parts.clock;
    this.logger = parts.logger;
    this.locks = parts.locks ?? new Set();
  }

  /**
   * To be called before anything is deleted, and before a snapshot is saved: what they rely on may be gone when a lock was
   * lost unnoticed, as in a program that was frozen. vault/lock-lost.
   */
  async assertLocksHeld(): Promise<void> {
    for (const lock of this.locks) await lock.assertHeld();
  }

  /** The files of one kind. What lies between them under other names is passed over. */
  async *list(kind: FileKind, signal?: AbortSignal): AsyncGenerator<ListedFile> {
    for await (const { key, sizeBytes } of this.store.list({ prefix: `${kind}/`, ...(signal && { signal }) })) {
      const id = idOfKey(kind, key);
      if (id !== undefined) yield { id, sizeBytes };
    }
  }

  /** The plain bytes (JSON) of a file that is not a pack. vault/missing-object, vault/corrupt. */
  async loadFile(kind: Exclude<FileKind, 'data' | 'keys'>, id: string, signal?: AbortSignal): Promise<Buffer> {
    const sealed = await readObject(this.store, fileKey(kind, id), signal);
    if (createHash('sha256').update(sealed).digest('hex') !== id)
      throw corrupt(fileKey(kind, id), 'its name is not the hash of its bytes');
    return decodeUnpacked(open(this.key, sealed));
  }

  /** Seals and stores a file; durable when it resolves. Returns its name. vault/lock-lost for a snapshot. */
  async saveFile(
    kind: Exclude<FileKind, 'data' | 'keys'>,
    json: string | Uint8Array,
    signal?: AbortSignal,
  ): Promise<string> {
    const sealed = this.sealFile(json);
    if (kind === 'snapshots') await this.assertLocksHeld();
    return this.putFile(kind, sealed, signal);
  }

  /**
   * Brings the index up to what the index files say now. When one is gone, a prune may have deleted packs: then all are read
   * again, into another index. To be called under a lock by whoever relies on what it says.
   */
  async loadIndex(signal?: AbortSignal): Promise<void> {
    const files = new Set(await Array.fromAsync(this.list('index', signal), ({ id }) => id));
    if (!this.loaded.isSubsetOf(files)) {
      this.index = new BlobIndex();
      this.damagedTrees.clear();
      this.loaded = new Set();
    }
    const { index, loaded } = this;
    const read = async (id: string): Promise<IndexFile> => decodeIndex(await this.loadFile('index', id, signal));
    for await (const { packs } of mapOrdered(files.difference(loaded), indexFilesAtOnce, read))
      for (const pack of packs) index.addPack(pack.id, pack.blobs);
    for (const id of files) loaded.add(id);
  }

  /** Says that the index in memory tells of packs that no index file may ever name: the next `loadIndex` begins anew. */
  distrustIndex(): void {
    this.loaded.add('');
  }

  /**
   * Stores an index file, of which `json` tells packs that `index` has already, once `durable` has resolved; the file is
   * made meanwhile.
   */
  async saveIndex(json: Uint8Array, durable: Promise<unknown>, signal?: AbortSignal): Promise<void> {
    const sealed = this.sealFile(json);
    await durable;
    this.loaded.add(await this.putFile('index', sealed, signal));
  }

  /** The store through which packs of a type are read and written. */
  packStore(type: BlobType): ObjectStore {
    return type === 'tree' ? this.treeStore : this.store;
  }

  private sealFile(json: string | Uint8Array): Buffer {
    return seal(this.key, encodeUnpacked(json, this.config.version));
  }

  private async putFile(
    kind: Exclude<FileKind, 'data' | 'keys'>,
    sealed: Buffer,
    signal?: AbortSignal,
  ): Promise<string> {
    const id = createHash('sha256').update(sealed).digest('hex');
    await this.store.put(fileKey(kind, id), sealed, signal ? { signal } : {});
    return id;
  }

  /** The plain bytes of one blob, checked against its name. vault/missing-object when the index does not have it. */
  async loadBlob(type: BlobType, id: string, signal?: AbortSignal): Promise<Buffer> {
    try {
      return await this.readBlob(type, id, signal);
    } catch (error) {
      const entry =
        type === 'tree' && hasCode(error, 'vault/corrupt') ? this.index.find(type, Buffer.from(id, 'hex')) : -1;
      if (entry >= 0) this.damagedTrees.set(id, this.index.place(entry).packId);
      throw error;
    }
  }

  private async readBlob(type: BlobType, id: string, signal?: AbortSignal): Promise<Buffer> {
    const name = Buffer.from(id, 'hex');
    const entry = this.index.find(type, name);
    if (entry < 0) throw missingBlob(type, id);
    const { packId, offset, length, compressed } = this.index.place(entry);
    const key = fileKey('data', packId);
    const range = { offset, length, ...(signal && { signal }) };
    const sealed = await collect(this.packStore(type).get(key, range), length).catch((error: unknown) => {
      throw hasCode(error, 'store/not-found', 'store/bad-range') ? missingBlob(type, id, error) : error;
    });
    const plain = open(this.key, sealed);
    const bytes = compressed ? decompressBlob(plain) : plain;
    if (!createHash('sha256').update(bytes).digest().equals(name))
      throw corrupt(key, `the ${type} blob ${id} in it is not what its name says`);
    return bytes;
  }
}

/** A whole object. vault/missing-object when there is none. */
export async function readObject(store: ObjectStore, key: string, signal?: AbortSignal): Promise<Buffer> {
  try {
    return await collect(store.get(key, signal ? { signal } : {}), largestFileBytes);
  } catch (error) {
    if (error instanceof RangeError) throw corrupt(key, 'it is far too large');
    if (!hasCode(error, 'store/not-found')) throw error;
    throw vaultError('missing-object', {
      message: `"${key}" is not in ${store.label}.`,
      hint: 'Another program may have removed it meanwhile; "holdfast check" says what is missing.',
      context: { key },
      cause: error,
    });
  }
}

const corrupt = (key: string, why: string): Error =>
  vaultError('corrupt', {
    message: `"${key}" is damaged: ${why}.`,
    hint: 'Run "holdfast check --read-data" to see what else is damaged, then "holdfast repair".',
    context: { key },
  });
