import type { SourceEntry } from '../source/index.ts';

/** A tar that is being written. */
export interface TarOutput {
  /** Writes one entry with its content. vault/wrong-size when the content is not as long as the entry says. */
  add(entry: SourceEntry, signal: AbortSignal): Promise<void>;
  /** Writes the end of the archive. */
  end(): Promise<void>;
}

/** Begins a tar like those that the archive vault keeps: `write` is given its bytes. */
export async function openTar(write: (bytes: Uint8Array) => Promise<void>): Promise<TarOutput> {
  const { TarWriter } = await import('./archive/tar/tar-writer.ts');
  return new TarWriter(write);
}
