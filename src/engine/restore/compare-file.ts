import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { messageOf, systemCode } from '../../base/errors.ts';

/** A part of the content that a file should have. */
export interface ExpectedPart {
  readonly sizeBytes: number;
  /** Whether these bytes, which are as many, are the part's. */
  readonly matches: (bytes: Buffer) => boolean;
}

/** A file that is read from its first byte on. */
class FileReading {
  private readonly fd: number;
  private buffer = Buffer.alloc(0);
  offset = 0;

  /** Links are not followed, and a fifo that stands there by now does not keep us waiting. */
  constructor(location: Buffer) {
    this.fd = openSync(location, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  }

  get isFile(): boolean {
    return fstatSync(this.fd).isFile();
  }

  get isAtEnd(): boolean {
    return fstatSync(this.fd).size === this.offset;
  }

  /** The next bytes, fewer only at the end of the file. They are good until the next call. */
  next(sizeBytes: number): Buffer {
    if (this.buffer.length < sizeBytes) this.buffer = Buffer.allocUnsafeSlow(sizeBytes);
    let length = 0;
    for (let read = -1; read !== 0 && length < sizeBytes; length += read)
      read = readSync(this.fd, this.buffer, length, sizeBytes - length, this.offset + length);
    this.offset += length;
    return this.buffer.subarray(0, length);
  }

  close(): void {
    closeSync(this.fd);
  }
}

function whyUnread(error: unknown): string {
  const code = systemCode(error);
  if (code === 'ENOENT' || code === 'ENOTDIR') return 'It is not there.';
  return code === 'ELOOP' ? 'It is a link.' : `It can't be read back: ${messageOf(error)}.`;
}

/** What is wrong with the part that comes next; undefined for nothing. */
function partDifference(reading: FileReading, { sizeBytes, matches }: ExpectedPart): string | undefined {
  const from = reading.offset;
  try {
    const bytes = reading.next(sizeBytes);
    if (bytes.length < sizeBytes) return `It ends at byte ${reading.offset}, and should not.`;
    return matches(bytes) ? undefined : `It is another content, in the ${sizeBytes} bytes from byte ${from} on.`;
  } catch (error) {
    return whyUnread(error);
  }
}

function begin(location: Buffer): FileReading | string {
  let reading: FileReading | undefined;
  try {
    reading = new FileReading(location);
    if (reading.isFile) return reading;
    reading.close();
    return 'It is no file.';
  } catch (error) {
    reading?.close();
    return whyUnread(error);
  }
}

/**
 * Compares a file with the content that it should have. Returns what is wrong with it, undefined for nothing. All parts are
 * taken, whatever is found. Throws what `parts` throws.
 */
export async function compareFile(
  location: Buffer,
  parts: Iterable<ExpectedPart> | AsyncIterable<ExpectedPart>,
): Promise<string | undefined> {
  const begun = begin(location);
  const reading = typeof begun === 'string' ? undefined : begun;
  let difference = typeof begun === 'string' ? begun : undefined;
  try {
    for await (const part of parts) difference ??= reading && partDifference(reading, part);
    if (reading && difference === undefined && !reading.isAtEnd)
      difference = `It goes on behind byte ${reading.offset}, and should not.`;
    return difference;
  } finally {
    reading?.close();
  }
}
