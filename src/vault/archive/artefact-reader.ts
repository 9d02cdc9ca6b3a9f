import { HoldfastError, messageOf } from '../../base/errors.ts';
import type { SourceEntry } from '../../source/index.ts';
import type { ObjectStore } from '../../store/index.ts';
import { vaultError } from '../errors.ts';
import type { EncryptionSpec } from './archive-spec.ts';
import { ByteReader } from './byte-reader.ts';
import { decompress } from './compression/decompress.ts';
import { openSeal } from './encryption/encryption.ts';
import { unescapeBytes } from './layout.ts';
import type { Artefact, Manifest } from './manifest.ts';
import { Tally } from './tally.ts';
import { TarReader } from './tar/tar-reader.ts';

export interface ReadArtefactOptions {
  readonly store: ObjectStore;
  readonly key: string;
  readonly encryption: EncryptionSpec | undefined;
  readonly signal: AbortSignal;
  /** Told of stored bytes as they are read. */
  readonly onBytes?: (bytes: number) => void;
}

/** vault/missing-object or vault/wrong-size unless the store has the artefact with the size that the manifest says. */
export async function checkPresence(artefact: Artefact, { store, key, signal }: ReadArtefactOptions): Promise<void> {
  const info = await store.head(key, signal);
  if (info === undefined) {
    throw vaultError('missing-object', {
      message: `The object "${key}" is missing in ${store.label}.`,
      hint: 'Someone deleted or moved it. Restore another restore point and forget this one.',
      context: { key },
    });
  }
  if (info.sizeBytes !== artefact.storedBytes) {
    throw vaultError('wrong-size', {
      message: `The object "${key}" has ${info.sizeBytes} bytes instead of ${artefact.storedBytes}.`,
      hint: 'It was cut off or replaced. Restore another restore point.',
      context: { key },
    });
  }
}

/** vault/corrupt unless what was counted is what the manifest says. */
export function checkHash(tally: Tally, expected: { bytes: number; sha256: string }, what: string): void {
  const sha256 = tally.sha256();
  if (tally.bytes === expected.bytes && sha256 === expected.sha256) return;
  throw vaultError('corrupt', {
    message: `The ${what} differ from what was backed up: ${tally.bytes} bytes with SHA-256 ${sha256.slice(0, 16)}…, expected ${expected.bytes} bytes with ${expected.sha256.slice(0, 16)}….`,
    hint: 'Restore another restore point; what came out of this one is not to be trusted.',
  });
}

/** The stored bytes; at their end they are compared with the manifest. */
export async function* readStored(artefact: Artefact, options: ReadArtefactOptions): AsyncGenerator<Uint8Array> {
  const tally = new Tally();
  for await (const chunk of options.store.get(options.key, { signal: options.signal })) {
    options.signal.throwIfAborted();
    tally.add(chunk);
    options.onBytes?.(chunk.length);
    yield chunk;
  }
  checkHash(tally, { bytes: artefact.storedBytes, sha256: artefact.storedSha256 }, `stored bytes of "${options.key}"`);
}

/** The content as it was before compression and encryption; at its end it is compared with the manifest. */
async function* readPlain(artefact: Artefact, options: ReadArtefactOptions): AsyncGenerator<Uint8Array> {
  const stored = readStored(artefact, options);
  const opened = artefact.encryption ? openSeal(artefact.encryption, options.encryption, stored) : stored;
  const tally = new Tally();
  yield* tally.through(decompress(opened, artefact.compression));
  checkHash(tally, { bytes: artefact.plainBytes, sha256: artefact.plainSha256 }, `unpacked bytes of "${options.key}"`);
}

/**
 * The entries of an artefact, checked as vault.ts promises: presence, size and key before the first entry, all hashes
 * before the end.
 */
export async function* readArtefact(manifest: Manifest, options: ReadArtefactOptions): AsyncGenerator<SourceEntry> {
  const { artefact } = manifest;
  await checkPresence(artefact, options);
  const reader = new ByteReader(readPlain(artefact, options));
  try {
    yield* manifest.source.shape === 'tree' ? new TarReader(reader).entries() : onlyFile(artefact, reader);
    // The last comparisons happen where the stream ends.
    if ((await reader.some(1)) !== undefined) throw new RangeError('content follows the last entry');
  } catch (error) {
    if (error instanceof HoldfastError || options.signal.aborted) throw error;
    throw vaultError('corrupt', {
      message: `The object "${options.key}" can not be read: ${messageOf(error)}.`,
      hint: 'Restore another restore point.',
      context: { key: options.key },
      cause: error,
    });
  } finally {
    await reader.close();
  }
}

async function* onlyFile(artefact: Artefact, reader: ByteReader): AsyncGenerator<SourceEntry> {
  const entry = artefact.entry ?? { name: 'content', mode: 0o600, uid: 0, gid: 0, mtimeNs: '0' };
  async function* rest(signal?: AbortSignal): AsyncGenerator<Uint8Array> {
    for (let piece = await reader.some(Infinity); piece !== undefined; piece = await reader.some(Infinity)) {
      signal?.throwIfAborted();
      yield piece;
    }
  }
  yield {
    path: unescapeBytes(entry.name),
    type: 'file',
    mode: entry.mode,
    uid: entry.uid,
    gid: entry.gid,
    mtimeNs: BigInt(entry.mtimeNs),
    sizeBytes: artefact.plainBytes,
    open: rest,
  };
  await reader.skip(Infinity);
}
