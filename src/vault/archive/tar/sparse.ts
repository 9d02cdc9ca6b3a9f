import type { DataRun } from '../../../source/index.ts';
import { blockBytes, tarDamaged } from './tar-header.ts';

/**
 * GNU tar's sparse format 1.0: the content begins with a map, decimal numbers one to a line: how many runs, then offset
 * and length of each, padded to a block; then the bytes of the runs (GNU tar manual, "Storing Sparse Files").
 */
export function encodeSparseMap(runs: readonly DataRun[], sizeBytes: number): Buffer {
  const last = runs.at(-1);
  const endsWithHole = last === undefined || last.offset + last.length < sizeBytes;
  const all = endsWithHole ? [...runs, { offset: sizeBytes, length: 0 }] : runs;
  const text = `${all.length}\n${all.map(({ offset, length }) => `${offset}\n${length}\n`).join('')}`;
  const map = Buffer.alloc(Math.ceil(text.length / blockBytes) * blockBytes);
  map.write(text, 'latin1');
  return map;
}

/** True when the runs ascend without overlap within the size, and leave something out. */
export function isSparse(runs: readonly DataRun[] | undefined, sizeBytes: number): runs is readonly DataRun[] {
  if (runs === undefined) return false;
  let end = 0;
  let stored = 0;
  for (const { offset, length } of runs) {
    if (offset < end || length < 0) return false;
    end = offset + length;
    stored += length;
  }
  return end <= sizeBytes && stored < sizeBytes;
}

const mostRuns = 10_000_000;

/** Reads a map from blocks that `nextBlock` gives. vault/corrupt when it is malformed. */
export async function decodeSparseMap(nextBlock: () => Promise<Buffer>): Promise<DataRun[]> {
  let text = '';
  let at = 0;
  const nextNumber = async (): Promise<number> => {
    for (;;) {
      const newline = text.indexOf('\n', at);
      if (newline !== -1) {
        const digits = text.slice(at, newline);
        at = newline + 1;
        const value = Number(digits);
        if (!/^[0-9]+$/.test(digits) || !Number.isSafeInteger(value)) throw tarDamaged('a sparse map is malformed');
        return value;
      }
      text = text.slice(at) + (await nextBlock()).toString('latin1');
      at = 0;
      if (text.length > 2 * blockBytes) throw tarDamaged('a sparse map is malformed');
    }
  };
  const count = await nextNumber();
  if (count > mostRuns) throw tarDamaged(`a sparse map has ${count} runs`);
  const runs: DataRun[] = [];
  for (let index = 0; index < count; index += 1) runs.push({ offset: await nextNumber(), length: await nextNumber() });
  return runs.filter(({ length }) => length > 0);
}

/** The bytes of `content` that lie in the runs. */
export async function* pickRuns(
  content: AsyncIterable<Uint8Array>,
  runs: readonly DataRun[],
): AsyncGenerator<Uint8Array> {
  let position = 0;
  let index = 0;
  for await (const chunk of content) {
    const chunkEnd = position + chunk.length;
    for (let run = runs[index]; run !== undefined && run.offset < chunkEnd; run = runs[index]) {
      const from = Math.max(run.offset, position);
      const to = Math.min(run.offset + run.length, chunkEnd);
      if (to > from) yield chunk.subarray(from - position, to - position);
      if (run.offset + run.length > chunkEnd) break;
      index += 1;
    }
    position = chunkEnd;
  }
}

const zeros = Buffer.alloc(256 * 1024);

/** `size` zero bytes. Consumers must not write into what they get. */
export function* zeroBytes(size: number): Generator<Uint8Array> {
  for (let left = size; left > 0; left -= zeros.length) yield zeros.subarray(0, Math.min(left, zeros.length));
}
