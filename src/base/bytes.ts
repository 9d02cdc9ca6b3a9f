export const KiB = 1024;
export const MiB = 1024 * KiB;
export const GiB = 1024 * MiB;

/** Cuts or joins `chunks` into blocks of exactly `size` bytes; the last may be shorter. Empty input yields nothing. */
export async function* rechunk(chunks: AsyncIterable<Uint8Array>, size: number): AsyncGenerator<Uint8Array> {
  let block = Buffer.allocUnsafeSlow(size);
  let used = 0;
  for await (const chunk of chunks) {
    let offset = 0;
    while (offset < chunk.length) {
      const taken = Math.min(chunk.length - offset, size - used);
      block.set(chunk.subarray(offset, offset + taken), used);
      offset += taken;
      used += taken;
      if (used === size) {
        yield block;
        block = Buffer.allocUnsafeSlow(size);
        used = 0;
      }
    }
  }
  if (used > 0) yield block.subarray(0, used);
}

/** Reads everything into one buffer. `limit` (bytes) bounds what a hostile or broken peer can make us hold. */
export async function collect(chunks: AsyncIterable<Uint8Array>, limit: number): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  let total = 0;
  for await (const chunk of chunks) {
    total += chunk.length;
    if (total > limit) throw new RangeError(`more than ${limit} bytes`);
    parts.push(chunk);
  }
  return Buffer.concat(parts, total);
}

const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** "1.24 GiB": a size for people. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toFixed(2)} ${units[unit]}`;
}
