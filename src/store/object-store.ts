/** What is known of one stored object without reading it. */
export interface ObjectInfo {
  readonly key: string;
  readonly sizeBytes: number;
  readonly modifiedAt: Date;
  /** Changes whenever the bytes do; opaque. */
  readonly etag: string;
}

export interface PutOptions {
  /** Refuses with store/already-exists when the key is taken. The check and the write are one step. */
  readonly ifAbsent?: boolean;
  /** Refuses with store/changed unless the object still has this etag. The check and the write are one step. */
  readonly ifMatch?: string;
  /** Names are lower-case ASCII; kept beside the object by stores that can. */
  readonly metadata?: Readonly<Record<string, string>>;
  /**
   * The object need not be durable before `sync` has resolved: a power cut may lose it, or leave an empty one in its
   * place, never half of one under the name. Visible at once all the same.
   */
  readonly deferSync?: boolean;
  readonly signal?: AbortSignal;
  /** Awaited before each slice of at most `paceSliceBytes` is sent; how `limited` slows a driver down. */
  readonly pace?: (bytes: number) => Promise<void>;
}

export type UnnamedOptions = Pick<PutOptions, 'deferSync' | 'signal' | 'pace'>;

/** An object to be written: its key, and all its bytes, which must not change until it is. */
export interface NewObject {
  readonly key: string;
  readonly bytes: Uint8Array;
}

export interface PutAllOptions extends Pick<PutOptions, 'signal' | 'pace'> {
  /**
   * Told once of each object what became of it: `index` counts the objects from 0, `error` is undefined when it is stored.
   * What it throws ends the call: nothing more is begun, and nothing is under way when the call rejects with that.
   */
  readonly onDone: (index: number, error?: unknown) => void;
}

export interface GetOptions {
  /** First byte to read; 0 unless given. */
  readonly offset?: number;
  /** How many bytes to read; to the end unless given. */
  readonly length?: number;
  /** Refuses with store/changed unless the object still has this etag. */
  readonly ifMatch?: string;
  /**
   * Memory for all bytes that will come, which a driver may read into instead of memory of its own: then what it yields
   * are parts of it, one behind the other.
   */
  readonly into?: Uint8Array;
  /** Called once, before the first byte, with what is being read. */
  readonly onInfo?: (info: ObjectInfo) => void;
  readonly signal?: AbortSignal;
}

export interface ListOptions {
  readonly prefix?: string;
  /** Only keys that come after this one. */
  readonly after?: string;
  readonly signal?: AbortSignal;
}

/** An object that is being written in parts. It becomes visible at `complete`, whole, and not before. */
export interface Upload {
  /** The size that part `index` must have, unless it is the last one, which may be shorter (but not empty). */
  partSizeBytes(index: number): number;
  /** Sends part `index`, counted from 0. Several may be under way; repeating one with the same bytes is harmless. */
  putPart(index: number, bytes: Uint8Array): Promise<void>;
  /** Makes the object visible. `partCount` parts were sent; 0 makes an empty object. Repeating it is harmless. */
  complete(partCount: number): Promise<ObjectInfo>;
  /** Gives up: removes what was sent. Never throws for a part that is already gone. Repeating it is harmless. */
  abort(): Promise<void>;
}

/** The same for an object whose key is not known before all of it has been sent. */
export interface UnnamedUpload extends Omit<Upload, 'complete'> {
  /** Makes the object visible, under `key`. `partCount` parts were sent. Repeating it is harmless. */
  complete(key: string, partCount: number): Promise<ObjectInfo>;
}

/**
 * A flat space of immutable-looking objects: what every vault stands on.
 *
 * Keys are UTF-8 text of 1 to 1024 bytes, segments split by "/", no empty, "." or ".." segment, no control character.
 * Reading sees each write that was acknowledged before (strong consistency). All methods may be called concurrently.
 * Each method throws a HoldfastError of the family "store"; `retryable` is set by the driver. A signal that is aborted
 * makes the method reject with the signal's reason; a put that was under way is then either done or not, never half.
 */
export interface ObjectStore {
  /** For people: "s3://bucket/prefix" or a path. Holds no secret. */
  readonly label: string;
  /** Writes a whole object. Durable when it resolves, unless `deferSync` says otherwise. Overwrites unless the options say otherwise. */
  put(key: string, bytes: Uint8Array, options?: PutOptions): Promise<ObjectInfo>;
  /**
   * Of stores that write many small objects at once for less than one after the other: does what `put` with `deferSync`
   * does, for each. No two have the same key. Rejects only as a signal or `onDone` says. To be called by `putAll`
   * (put-all.ts), which does it for every store.
   */
  readonly putAll?: ((objects: readonly NewObject[], options: PutAllOptions) => Promise<void>) | undefined;
  /** Starts an object of unknown size. Whoever starts one ends it with `complete` or `abort`. */
  startUpload(key: string, options?: PutOptions): Promise<Upload>;
  /**
   * Of stores that can name an object at its end: starts one whose key begins with `prefix`, which ends in "/". Overwrites.
   * Otherwise as `startUpload`.
   */
  readonly startUnnamed?: ((prefix: string, options?: UnnamedOptions) => Promise<UnnamedUpload>) | undefined;
  /**
   * Yields the bytes of an object, or of a range of it, in order, and throws store/short-read when the store gives
   * fewer than it announced. store/not-found when there is none. A range past the end is store/bad-range.
   */
  get(key: string, options?: GetOptions): AsyncIterable<Uint8Array>;
  /** What is known of an object, or undefined when there is none. */
  head(key: string, signal?: AbortSignal): Promise<ObjectInfo | undefined>;
  /** Every object whose key begins with the prefix, in ascending order of the key's UTF-8 bytes. */
  list(options?: ListOptions): AsyncIterable<ObjectInfo>;
  /** Makes durable what was written with `deferSync`, and throws when any of it may be lost. */
  sync(signal?: AbortSignal): Promise<void>;
  /** Deletes objects; a key that does not exist is no error. On a failure some may be deleted. */
  delete(keys: readonly string[], signal?: AbortSignal): Promise<void>;
  /**
   * Removes what dead writers left half-written (temporary files, unfinished multipart uploads) and that is older
   * than `olderThan`. Returns how many. Never touches a visible object.
   */
  sweep(olderThan: Date, signal?: AbortSignal): Promise<number>;
  /** Frees connections. Nothing may be called afterwards; repeating it is harmless. */
  close(): Promise<void>;
}

export const paceSliceBytes = 64 * 1024;
