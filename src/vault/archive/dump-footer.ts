const headBytes = 16;
const tailBytes = 4096;

/** Remembers how a stream began and how it ended. */
export class TailWindow {
  head = Buffer.alloc(0);
  tail = Buffer.alloc(0);

  add(chunk: Uint8Array): void {
    if (this.head.length < headBytes) {
      this.head = Buffer.concat([this.head, chunk.subarray(0, headBytes - this.head.length)]);
    }
    const last = chunk.subarray(-tailBytes);
    this.tail = Buffer.concat([
      this.tail.subarray(Math.min(this.tail.length, Math.max(0, this.tail.length + last.length - tailBytes))),
      last,
    ]);
  }
}

/**
 * What is wrong with a dump by its frame: pg_dump's plain text ends with a comment that says so, its custom format
 * begins with "PGDMP". Undefined when nothing is, or when the name tells of no known format.
 */
export function dumpFooterProblem(name: string, { head, tail }: TailWindow): string | undefined {
  if (name.endsWith('.sql') && !/PostgreSQL database (?:cluster )?dump complete/.test(tail.toString('latin1'))) {
    return `The dump "${name}" does not end with "PostgreSQL database dump complete".`;
  }
  if (name.endsWith('.dump') && head.toString('latin1', 0, 5) !== 'PGDMP') {
    return `The dump "${name}" does not begin as pg_dump's custom format does.`;
  }
  return undefined;
}
