import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { goString, goStringOfBytes, quoteName, unquoteName } from './go-json.ts';
import { isPrintable } from './printable.ts';

const bytesOf = (text: string): Buffer => Buffer.from(text, 'latin1');

describe('goString', () => {
  it('escapes what Go escapes and nothing else', () => {
    assert.equal(goString('plain é 😀 \u007f'), '"plain é 😀 \u007f"');
    assert.equal(goString('<a href="x">&\\'), String.raw`"\u003ca href=\"x\"\u003e\u0026\\"`);
    assert.equal(goString('\u0000\b\t\n\v\f\r\u001f'), String.raw`"\u0000\b\t\n\u000b\f\r\u001f"`);
    assert.equal(goString('\u2028\u2029'), String.raw`"\u2028\u2029"`);
    assert.equal(goString('\ud800x\ufffd'), '"\\ufffdx\ufffd"');
  });

  it('stays the text for every JSON reader', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        assert.equal(JSON.parse(goString(text)), text.toWellFormed());
      }),
    );
  });

  it('writes one U+FFFD for each byte that is no UTF-8', () => {
    assert.equal(goStringOfBytes(bytesOf('a\xe9\xff\n')), String.raw`"a\ufffd\ufffd\n"`);
    assert.equal(goStringOfBytes(bytesOf('\xe2\x82')), String.raw`"\ufffd\ufffd"`);
    assert.equal(goStringOfBytes(Buffer.from('é')), '"é"');
  });
});

describe('quoteName', () => {
  const examples: readonly (readonly [name: Buffer, quoted: string])[] = [
    [Buffer.from('plain.txt'), 'plain.txt'],
    [Buffer.from('a "b" \\ \'c\''), String.raw`a \"b\" \\ 'c'`],
    [bytesOf('\x07\b\t\n\v\f\r\x01\x1f\x7f'), String.raw`\a\b\t\n\v\f\r\x01\x1f\x7f`],
    [bytesOf('latin1-\xe9\xff'), String.raw`latin1-\xe9\xff`],
    [Buffer.from('ünï-日本語-😀-\ufffd'), 'ünï-日本語-😀-\ufffd'],
    [Buffer.from('\u0080\u00a0\u00ad\u200b\u2028\u3000\ue000'), String.raw`\u0080\u00a0\u00ad\u200b\u2028\u3000\ue000`],
    [Buffer.from('\u{e0001}\u{10ffff}'), String.raw`\U000e0001\U0010ffff`],
    [bytesOf('\xc0\x80'), String.raw`\xc0\x80`], // overlong
    [bytesOf('\xed\xa0\x80'), String.raw`\xed\xa0\x80`], // a surrogate
    [bytesOf('\xf4\x90\x80\x80'), String.raw`\xf4\x90\x80\x80`], // past U+10FFFF
    [bytesOf('\xe2\x82a\xe2\x82\xac'), String.raw`\xe2\x82a` + '€'],
  ];

  it('writes names as Go does', () => {
    for (const [name, quoted] of examples) assert.equal(quoteName(name), quoted);
  });

  it('is undone by unquoteName, for any bytes', () => {
    for (const [name, quoted] of examples) assert.deepEqual(unquoteName(quoted), name);
    const byte = fc.oneof(fc.integer({ min: 0, max: 255 }), fc.constantFrom(0x5c, 0x22, 0xe2, 0x80, 0xa8, 0x78));
    fc.assert(
      fc.property(fc.array(byte), (bytes) => {
        assert.deepEqual(unquoteName(quoteName(Uint8Array.from(bytes))), Buffer.from(bytes));
      }),
    );
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        assert.deepEqual(unquoteName(quoteName(Buffer.from(text))), Buffer.from(text));
      }),
    );
  });
});

describe('unquoteName', () => {
  it('takes every escape that Go takes', () => {
    assert.deepEqual(unquoteName(String.raw`\x41\101\u00e9\U0001F600\a`), Buffer.from('AAé😀\x07'));
  });

  it('refuses what Go refuses', () => {
    for (const text of ['\\', '\\q', "\\'", '\\x4', '\\400', '\\ud800', '\\U00110000', 'a"b', 'a\nb', '\\u12'])
      assert.throws(() => unquoteName(text), { code: 'vault/corrupt' });
  });
});

describe('isPrintable', () => {
  it('agrees with the categories of every code point that Node knows, newer ones aside', () => {
    const printable = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u;
    let newer = 0;
    for (let codePoint = 0; codePoint <= 0x10ffff; codePoint += 1) {
      const node = printable.test(String.fromCodePoint(codePoint));
      if (isPrintable(codePoint)) assert.ok(node, codePoint.toString(16));
      else if (node) newer += 1;
    }
    if (process.versions.unicode === '17.0') assert.equal(newer, 10_615);
  });

  it('knows what came with Unicode 15.0 and nothing of 15.1', () => {
    assert.equal(isPrintable(0x1fae8), true);
    assert.equal(isPrintable(0x2ebf0), false);
  });
});
