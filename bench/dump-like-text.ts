/** Text like that of a database dump, the same for the same seed: ids, words, times, numbers, flags. */
import { createWriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { once } from 'node:events';

/** A small, fast generator of numbers below 2^32 (xorshift32). */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state >>>= 0;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state;
  };
}

const words = ((): string[] => {
  const next = randomNumbers(7);
  const syllables = ['ka', 'lo', 'mi', 'ren', 'tas', 'vor', 'ed', 'un', 'qui', 'sha', 'bel', 'on', 'ist', 'ar'];
  return Array.from({ length: 4000 }, () =>
    Array.from({ length: 1 + (next() % 4) }, () => syllables[next() % syllables.length]).join(''),
  );
})();

/** Lines of about 100 bytes until there are `sizeBytes`. */
export function dumpLikeText(sizeBytes: number, seed: number): Buffer {
  const next = randomNumbers(seed);
  const parts: string[] = [];
  let length = 0;
  for (let id = seed * 100_000; length < sizeBytes; id += 1) {
    const text = Array.from({ length: 6 }, () => words[next() % words.length]).join(' ');
    const hash = (next().toString(16) + next().toString(16)).padStart(16, '0');
    const line = `${id}\t${words[next() % words.length]}@example.org\t${text}\t2024-0${1 + (next() % 9)}-1${next() % 10} 0${next() % 10}:${10 + (next() % 50)}:07.${next() % 1000}\t${next() % 100_000}.${next() % 100}\t${next() % 3 ? 't' : '\\N'}\t${hash}\n`;
    parts.push(line);
    length += line.length;
  }
  return Buffer.from(parts.join('')).subarray(0, sizeBytes);
}

/** Fills `dir` with `fileCount` files of `fileBytes` each, in folders of 100. */
export async function writeTextTree(dir: string, fileCount: number, fileBytes: number): Promise<void> {
  for (let index = 0; index < fileCount; index += 1) {
    const folder = join(dir, `part-${String(Math.floor(index / 100)).padStart(3, '0')}`);
    await mkdir(folder, { recursive: true });
    const file = createWriteStream(join(folder, `table-${String(index).padStart(5, '0')}.sql`));
    file.end(dumpLikeText(fileBytes, index + 1));
    await once(file, 'close');
  }
}
