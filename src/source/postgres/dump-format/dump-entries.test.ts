import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { type DumpPiece, readDumpEntries } from './dump-entries.ts';

async function pieces(text: string, cuts: readonly number[] = []): Promise<DumpPiece[]> {
  const bytes = Buffer.from(text, 'latin1');
  async function* chunks(): AsyncGenerator<Uint8Array> {
    let at = 0;
    for (const cut of [...new Set(cuts)].sort((a, b) => a - b)) {
      if (cut <= at || cut >= bytes.length) continue;
      yield bytes.subarray(at, cut);
      at = cut;
    }
    yield bytes.subarray(at);
  }
  const found: DumpPiece[] = [];
  for await (const piece of readDumpEntries(chunks())) found.push(piece);
  return found;
}

const textOf = (piece: DumpPiece): string =>
  piece.kind === 'sql' ? piece.text : Buffer.from(piece.bytes).toString('latin1');

/** The text of each entry, its pieces joined. */
function summary(all: readonly DumpPiece[]): Record<string, string> {
  const joined: Record<string, string> = {};
  for (const piece of all) {
    const key = `${piece.kind} ${piece.entry?.type} ${piece.entry?.name}`;
    joined[key] = (joined[key] ?? '') + textOf(piece);
  }
  return joined;
}

const head = (name: string, type: string, data = false): string =>
  `--\n-- ${data ? 'Data for ' : ''}Name: ${name}; Type: ${type}; Schema: public; Owner: me\n--\n\n`;

const sample = `--
-- PostgreSQL database dump
--

SET x = 1;

${head('f()', 'FUNCTION')}CREATE FUNCTION f() AS $a$
${head('fake', 'TABLE')}$$ ' " $a$;

${head('t', 'TABLE')}CREATE TABLE t (a text DEFAULT E'\\'
${head('fake', 'TABLE')}', "b
${head('fake', 'TABLE')}" text);

${head('t', 'TABLE DATA', true)}COPY t (a) FROM stdin;
1\t--
--
-- Name: fake; Type: TABLE; Schema: public; Owner: me
--
\\.x
x\\.
\\.


${head('e', 'TABLE DATA', true)}COPY e (a) FROM stdin;
\\.


${head('last; Type: odd', 'INDEX')}CREATE INDEX;
-- end without newline`;

test('a dump is cut at the comments of pg_dump, not at what looks like them in strings, bodies, names or rows', async () => {
  const found = await pieces(sample);
  const names = found.map(({ kind, entry }) => `${kind} ${entry?.type ?? ''} ${entry?.name ?? ''}`);
  assert.deepEqual(
    [...new Set(names)],
    [
      'sql  ',
      'sql FUNCTION f()',
      'sql TABLE t',
      'sql TABLE DATA t',
      'rows TABLE DATA t',
      'sql TABLE DATA e',
      'rows TABLE DATA e',
      'sql INDEX last; Type: odd',
    ],
  );
  const rows = found.filter(({ kind, entry }) => kind === 'rows' && entry?.name === 't').map(textOf);
  assert.match(rows.join(''), /^1\t--\n[^]*\nx\\\.\n\\\.\n$/);
});

test('the pieces are the dump, byte for byte, and the same wherever its chunks are cut', async () => {
  const whole = await pieces(sample);
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(sample.length), { maxLength: 60 }), async (cuts) => {
      const cut = await pieces(sample, cuts);
      assert.equal(cut.map(textOf).join(''), sample);
      assert.deepEqual(summary(cut), summary(whole));
    }),
  );
});

test('any text at all comes through unchanged', async () => {
  const word = fc.constantFrom(
    '--\n',
    "'",
    '"',
    '$$',
    '$a$',
    "E'",
    '\\.\n',
    '\n',
    ';',
    '/*',
    '*/',
    head('x', 'TABLE DATA', true),
    'COPY x FROM stdin;\n',
    '\xff',
    'a',
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(word, { maxLength: 40 }),
      fc.array(fc.nat(300), { maxLength: 20 }),
      async (words, cuts) => {
        const text = words.join('');
        assert.equal((await pieces(text, cuts)).map(textOf).join(''), text);
      },
    ),
  );
});
