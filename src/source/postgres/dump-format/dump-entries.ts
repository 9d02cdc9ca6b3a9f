import { MiB } from '../../../base/bytes.ts';
import { outside, type Quote, scanSql } from './sql-scanner.ts';

/** The comment that pg_dump writes before each thing: "-- Name: …; Type: …; Schema: …; Owner: …". */
export interface TocEntry {
  readonly name: string;
  readonly type: string;
  readonly schema: string;
  readonly owner: string;
}

/**
 * A piece of a plain dump. SQL text comes whole for each entry, unless it is longer than some megabytes (large objects);
 * what comes before the first entry has none. Rows are the raw bytes between "COPY … FROM stdin;" and "\.", that
 * included. Texts are Latin-1 readings of the bytes, whatever their encoding: nothing is lost on the way back.
 */
export type DumpPiece =
  | { readonly kind: 'sql'; readonly entry: TocEntry | undefined; readonly text: string }
  | { readonly kind: 'rows'; readonly entry: TocEntry | undefined; readonly bytes: Uint8Array };

const longEntry = 4 * MiB;
const header = /^-- (?:Data for )?Name: (.*); Type: ([A-Z ]+); Schema: (.*?); Owner: (.*?)(?:; Tablespace: .*)?\n$/;
const quoteMarks = /['"$]|--|\/\*/;
const endOfRows = Buffer.from('\n\\.\n', 'latin1');

/** The bytes of a name that came as Latin-1, read as UTF-8. */
export function utf8(name: string): string {
  return Buffer.from(name, 'latin1').toString('utf8');
}

function parseHeader(line: string): TocEntry | undefined {
  const found = header.exec(line);
  if (!found) return undefined;
  const [, name = '', type = '', schema = '', owner = ''] = found;
  return { name: utf8(name), type, schema: utf8(schema), owner: utf8(owner) };
}

/** The state of the scanner behind one line. */
function stateAfter(line: string, before: Quote): Quote {
  if (before.kind === 'none' && !quoteMarks.test(line)) return outside;
  const scan = scanSql(line, before);
  for (let step = scan.next(); ; step = scan.next()) if (step.done) return step.value;
}

/** Collects lines of SQL into pieces. */
class SqlCollector {
  private entry: TocEntry | undefined;
  private lines: string[] = [];
  private length = 0;
  private quote: Quote = outside;

  current(): TocEntry | undefined {
    return this.entry;
  }

  /** Takes a line; returns the piece that it ends, if any. */
  add(line: string): DumpPiece | undefined {
    let done: DumpPiece | undefined;
    const free = this.quote.kind === 'none';
    if (free && line.startsWith('-- ') && this.lines.at(-1) === '--\n') {
      const entry = parseHeader(line);
      if (entry) {
        this.lines.pop();
        done = this.take();
        this.entry = entry;
        this.push('--\n');
      }
    } else if (free && this.length > longEntry && line !== '--\n') done = this.take();
    this.push(line);
    this.quote = stateAfter(line, this.quote);
    return done;
  }

  /** True when rows follow the line that was added last. */
  rowsFollow(): boolean {
    const isData = this.entry?.type === 'TABLE DATA' && this.quote.kind === 'none';
    return isData && (this.lines.at(-1)?.endsWith(' FROM stdin;\n') ?? false);
  }

  take(): DumpPiece | undefined {
    if (this.lines.length === 0) return undefined;
    const piece: DumpPiece = { kind: 'sql', entry: this.entry, text: this.lines.join('') };
    this.lines = [];
    this.length = 0;
    return piece;
  }

  private push(line: string): void {
    this.lines.push(line);
    this.length += line.length;
  }
}

/** Where the rows at the beginning of `bytes` end, behind their "\." line; -1 when that is not there yet. */
function rowsEnd(bytes: Buffer, atStart: boolean): number {
  if (atStart && bytes.subarray(0, 3).equals(endOfRows.subarray(1))) return 3;
  const found = bytes.indexOf(endOfRows);
  return found < 0 ? -1 : found + endOfRows.length;
}

/** Cuts bytes into pieces as they come. */
class DumpReader {
  private readonly sql = new SqlCollector();
  private pending: Buffer = Buffer.alloc(0);
  private rows: 'none' | 'first' | 'more' = 'none';

  *add(chunk: Uint8Array): Generator<DumpPiece> {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
    this.pending = this.pending.length === 0 ? bytes : Buffer.concat([this.pending, bytes]);
    for (let more = true; more;) more = yield* this.rows === 'none' ? this.takeLine() : this.takeRows();
  }

  *end(): Generator<DumpPiece> {
    const entry = this.sql.current();
    const last = this.sql.take();
    if (last) yield last;
    if (this.pending.length === 0) return;
    if (this.rows === 'none') yield { kind: 'sql', entry, text: this.pending.toString('latin1') };
    else yield { kind: 'rows', entry, bytes: this.pending };
  }

  private *takeLine(): Generator<DumpPiece, boolean> {
    const end = this.pending.indexOf(0x0a) + 1;
    if (end === 0) return false;
    const done = this.sql.add(this.pending.toString('latin1', 0, end));
    this.pending = this.pending.subarray(end);
    if (done) yield done;
    if (!this.sql.rowsFollow()) return true;
    const text = this.sql.take();
    if (text) yield text;
    this.rows = 'first';
    return true;
  }

  private *takeRows(): Generator<DumpPiece, boolean> {
    const end = rowsEnd(this.pending, this.rows === 'first');
    // The mark may straddle two chunks: its beginning is held back.
    const taken = end < 0 ? Math.max(0, this.pending.length - (endOfRows.length - 1)) : end;
    const bytes = this.pending.subarray(0, taken);
    this.pending = this.pending.subarray(taken);
    if (end >= 0) this.rows = 'none';
    else if (taken > 0) this.rows = 'more';
    if (taken > 0) yield { kind: 'rows', entry: this.sql.current(), bytes };
    return end >= 0;
  }
}

/** Reads a plain dump into its pieces, in order, in bounded memory. Together they are the dump, byte for byte. */
export async function* readDumpEntries(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<DumpPiece> {
  const reader = new DumpReader();
  for await (const chunk of chunks) yield* reader.add(chunk);
  yield* reader.end();
}
