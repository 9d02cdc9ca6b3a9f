import { isUtf8 } from 'node:buffer';
import type { Logger } from '../../../base/log.ts';
import { sourceError } from '../../errors.ts';
import { archiveMagic, createDumpCheck, type DumpFormat } from '../dump-format/check-dump.ts';
import { isDatabaseEntry, readPropertiesBlock } from '../dump-format/database-properties.ts';
import { type DumpPiece, readDumpEntries } from '../dump-format/dump-entries.ts';
import { feed } from '../programs/feed-program.ts';
import { installedTools } from '../programs/find-client-tools.ts';
import { restoreFailure } from './restore-failure.ts';
import { runProgram } from '../programs/run-program.ts';
import { splitStatements } from '../dump-format/sql-scanner.ts';

export interface OpenDumpOptions {
  readonly binDirs: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
  readonly logger: Logger;
}

/** A dump, its beginning read. */
export interface OpenDump {
  readonly format: DumpFormat;
  /** True for what pg_dumpall --globals-only writes. */
  readonly isCluster: boolean;
  /** Statements about the database itself, as far as they are known at the beginning; complete once `pieces` ended. */
  readonly properties: readonly string[];
  /** True when psql needs to know \restrict. */
  readonly restricted: boolean;
  /**
   * The dump without what speaks of the database itself. Ends only when the whole was read, the program that
   * translated an archive ended well and the dump's last line was there; else it throws.
   */
  readonly pieces: AsyncIterable<DumpPiece>;
  /** Ends what still runs when `pieces` was not read to its end. */
  close(): Promise<void>;
}

/** Gives `first` again before what is left of `rest`. */
async function* withFirst<Item>(first: readonly Item[], rest: AsyncIterator<Item>): AsyncGenerator<Item> {
  try {
    yield* first;
    for (let next = await rest.next(); !next.done; next = await rest.next()) yield next.value;
  } finally {
    await rest.return?.();
  }
}

/** The archive as SQL, by pg_restore reading it from a pipe: nothing is kept on disk. */
async function* archiveAsSql(
  content: AsyncIterable<Uint8Array>,
  { binDirs, env, signal, logger }: OpenDumpOptions,
): AsyncGenerator<Uint8Array> {
  const tools = await installedTools({ program: 'pg_restore', binDirs, env });
  // The newest reads every archive that an older one wrote.
  const tool = tools.sort((a, b) => b.version.major - a.version.major || b.version.minor - a.version.minor)[0];
  if (!tool) {
    throw sourceError('tool-missing', {
      message: 'pg_restore is not installed on this machine',
      hint: 'Install a PostgreSQL client: apt install postgresql-client',
    });
  }
  logger.info('reading the archive', { pg_restore: tool.version.text, path: tool.path });
  const program = runProgram({
    path: tool.path,
    args: ['--create', '--file=-'],
    env: { ...env, LC_ALL: 'C.UTF-8' },
    signal,
  });
  const stop = new AbortController();
  let finished = false;
  let contentFailure: { readonly error: unknown } | undefined;
  const feeding = feed(program, content, stop.signal).catch(async (error: unknown) => {
    contentFailure = { error };
    await program.kill();
  });
  try {
    for await (const chunk of program.output()) yield chunk;
    await feeding;
    const end = await program.ended;
    finished = true;
    signal.throwIfAborted();
    if (contentFailure) throw contentFailure.error;
    if (end.status !== 0) throw restoreFailure('pg_restore', 'the archive', end);
  } catch (error) {
    signal.throwIfAborted();
    throw contentFailure ? contentFailure.error : error;
  } finally {
    stop.abort();
    if (!finished) await program.kill();
  }
}

/** Passes the text of a dump on and throws at its end when it isn't whole. */
async function* checkedWhole(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const check = createDumpCheck('plain', 'the restore point');
  for await (const chunk of chunks) {
    check.see(chunk);
    yield chunk;
  }
  const failure = check.failure();
  if (failure) throw failure;
}

const isSession = (statement: string): boolean => /^(?:SET|SELECT) /.test(statement);

/** Splits the text of an entry about the database: what creates and describes it, and what the session needs. */
function splitDatabaseEntry(text: string): { readonly about: string[]; readonly session: string } {
  const statements = splitStatements(text.replaceAll(/^\\.*\n/gm, ''));
  return {
    about: statements.filter((statement) => !isSession(statement)),
    session: statements
      .filter(isSession)
      .map((statement) => `${statement}\n`)
      .join(''),
  };
}

/** The text decoder's name for the encoding that the beginning of a dump sets. */
function encodingOf(prelude: string): string {
  const name = /^SET client_encoding = '(\w+)';$/m.exec(prelude)?.[1] ?? 'UTF8';
  const label = name
    .replace(/^WIN/, 'windows-')
    .replace(/^(EUC)_/, '$1-')
    .replace(/^KOI8([RU])$/, 'koi8-$1');
  try {
    return new TextDecoder(label).encoding;
  } catch {
    return 'utf-8'; // names outside of ASCII may be unreadable in an encoding that the decoder doesn't know
  }
}

/**
 * Names and comments of databases are kept in a catalog that databases of all encodings share, as the bytes in which
 * they came: mostly UTF-8, whatever the database's own encoding.
 */
function decodeShared(text: string, encoding: string): string {
  const bytes = Buffer.from(text, 'latin1');
  return new TextDecoder(isUtf8(bytes) ? 'utf-8' : encoding).decode(bytes);
}

/** Takes what is about the database out of one piece, and adds it to `properties`. */
function takeProperties(piece: DumpPiece, properties: string[], encoding: string): DumpPiece {
  if (piece.kind === 'rows') return piece;
  const block = piece.entry ? undefined : readPropertiesBlock(piece.text);
  if (block) {
    properties.push(...block.statements.map((text) => decodeShared(text, encoding)));
    return { ...piece, text: block.rest };
  }
  if (!piece.entry || !isDatabaseEntry(piece.entry)) return piece;
  const { about, session } = splitDatabaseEntry(piece.text);
  properties.push(...about.map((text) => decodeShared(text, encoding)));
  return { ...piece, text: session };
}

/**
 * Reads the beginning of a dump, plain or a custom archive. The content is read lazily, once. Throws source/tool-missing,
 * and what the content throws.
 */
export async function openDump(content: AsyncIterable<Uint8Array>, options: OpenDumpOptions): Promise<OpenDump> {
  const iterator = content[Symbol.asyncIterator]();
  const start: Uint8Array[] = [];
  let startBytes = 0;
  while (startBytes < archiveMagic.length) {
    const next = await iterator.next();
    if (next.done) break;
    start.push(next.value);
    startBytes += next.value.length;
  }
  const format = Buffer.concat(start).subarray(0, archiveMagic.length).equals(archiveMagic) ? 'custom' : 'plain';
  const whole = withFirst(start, iterator);
  const text = checkedWhole(format === 'custom' ? archiveAsSql(whole, options) : whole);
  const properties: string[] = [];
  const rawPieces = readDumpEntries(text);
  const head: DumpPiece[] = [];
  let encoding = 'utf-8';
  for (let next = await rawPieces.next(); !next.done; next = await rawPieces.next()) {
    if (next.value.kind === 'sql' && !next.value.entry) encoding = encodingOf(next.value.text);
    head.push(takeProperties(next.value, properties, encoding));
    if (next.value.entry && !isDatabaseEntry(next.value.entry)) break;
  }
  const prelude = head.find((piece) => piece.kind === 'sql' && !piece.entry);
  const preludeText = prelude?.kind === 'sql' ? prelude.text : '';
  async function* pieces(): AsyncGenerator<DumpPiece> {
    for await (const piece of withFirst(head, rawPieces)) yield takeProperties(piece, properties, encoding);
  }
  return {
    format,
    isCluster: preludeText.includes('-- PostgreSQL database cluster dump\n'),
    properties,
    restricted: /^\\restrict /m.test(preludeText),
    pieces: pieces(),
    close: async () => void (await rawPieces.return(undefined)),
  };
}
