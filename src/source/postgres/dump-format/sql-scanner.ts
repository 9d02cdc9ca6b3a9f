/** An SQL identifier as pg_dump writes it: bare, or between double quotes. */
export const identifierPattern = '(?:"(?:[^"]|"")*"|[^\\s";.,()]+)';

/** What the scanner is in the middle of when a piece of text ends. */
export type Quote =
  | { readonly kind: 'none' }
  | { readonly kind: 'single' | 'escape' | 'double' | 'line' }
  | { readonly kind: 'block'; readonly depth: number }
  | { readonly kind: 'dollar'; readonly tag: string };

export const outside: Quote = { kind: 'none' };

const opening =
  /--|\/\*|(?<![A-Za-z0-9_\u0080-\uffff$])[eE]'|'|"|(?<![A-Za-z0-9_\u0080-\uffff$])\$(?:[A-Za-z_\u0080-\uffff][A-Za-z0-9_\u0080-\uffff]*)?\$/g;

/** Where the text that begins at `from`, inside `quote`, leaves it; -1 when it doesn't. */
function endOfQuote(text: string, from: number, quote: Exclude<Quote, { kind: 'none' | 'block' }>): number {
  if (quote.kind === 'dollar') {
    const end = text.indexOf(quote.tag, from);
    return end < 0 ? -1 : end + quote.tag.length;
  }
  if (quote.kind === 'line') {
    const end = text.indexOf('\n', from);
    return end < 0 ? -1 : end + 1;
  }
  if (quote.kind === 'escape') {
    const closing = /\\[^]|''|'/g;
    closing.lastIndex = from;
    for (let found = closing.exec(text); found; found = closing.exec(text)) {
      if (found[0] === "'") return closing.lastIndex;
    }
    return -1;
  }
  // A doubled quote closes and opens again at once: the next turn finds the same state.
  const end = text.indexOf(quote.kind === 'single' ? "'" : '"', from);
  return end < 0 ? -1 : end + 1;
}

/** Comments in blocks nest. */
function endOfBlock(text: string, from: number, depth: number): { readonly end: number; readonly depth: number } {
  const mark = /\/\*|\*\//g;
  mark.lastIndex = from;
  let open = depth;
  for (let found = mark.exec(text); found; found = mark.exec(text)) {
    open += found[0] === '/*' ? 1 : -1;
    if (open === 0) return { end: mark.lastIndex, depth: 0 };
  }
  return { end: -1, depth: open };
}

function quoteFor(mark: string): Quote {
  if (mark === '--') return { kind: 'line' };
  if (mark === '/*') return { kind: 'block', depth: 1 };
  if (mark === '"') return { kind: 'double' };
  if (mark === "'") return { kind: 'single' };
  return mark.startsWith('$') ? { kind: 'dollar', tag: mark } : { kind: 'escape' };
}

/**
 * Walks over SQL as psql's lexer does (standard_conforming_strings on, as in every dump) and yields the runs of text
 * that lie outside of strings, quoted names and comments. Returns what the text ends in; give that as `start` for the
 * text that follows. The text must not end within a mark: end it at a line break.
 */
export function* scanSql(text: string, start: Quote = outside): Generator<readonly [number, number], Quote> {
  let quote = start;
  let at = 0;
  while (at < text.length) {
    if (quote.kind === 'none') {
      opening.lastIndex = at;
      const found = opening.exec(text);
      yield [at, found?.index ?? text.length];
      if (!found) return outside;
      at = found.index + found[0].length;
      quote = quoteFor(found[0]);
    } else {
      const { end, depth } =
        quote.kind === 'block' ? endOfBlock(text, at, quote.depth) : { end: endOfQuote(text, at, quote), depth: 0 };
      if (end < 0) return quote.kind === 'block' ? { kind: 'block', depth } : quote;
      quote = outside;
      at = end;
    }
  }
  return quote;
}

/** Cuts SQL into its statements, each with its ";" and without the white space and comment lines before it. */
export function splitStatements(text: string): string[] {
  const statements: string[] = [];
  let begin = 0;
  for (const [from, to] of scanSql(text)) {
    for (let at = text.indexOf(';', from); at >= 0 && at < to; at = text.indexOf(';', at + 1)) {
      statements.push(text.slice(begin, at + 1).replace(/^(?:\s+|--[^\n]*(?:\n|$))+/, ''));
      begin = at + 1;
    }
  }
  return statements;
}
