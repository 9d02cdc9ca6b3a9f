import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import * as fc from 'fast-check';

import { rabinTables } from '../chunker/rabin-tables.ts';
import { plantCandidate, randomStream, remainderOf, type Stretch, streamOf } from '../testing/sample-stream.ts';
import { loadKernels } from './load-kernels.ts';

const kernels = loadKernels();
const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');
const zeros = '00'.repeat(16);
const ones = 'ff'.repeat(16);

/** The tag of a message in parts; only the last may be uneven. */
function tagOf(key: Uint8Array, ...parts: readonly Uint8Array[]): string {
  kernels.startPoly1305(key);
  for (const part of parts) kernels.updatePoly1305(part);
  return Buffer.from(kernels.finishPoly1305()).toString('hex');
}

const littleEndian = (bytes: Uint8Array): bigint => BigInt(`0x00${Buffer.from(bytes).reverse().toString('hex')}`);

/** RFC 8439, 2.5.1, in as many words. */
function slowTag(key: Uint8Array, message: Uint8Array): string {
  const r = littleEndian(key.subarray(0, 16)) & 0x0ffffffc0ffffffc0ffffffc0fffffffn;
  let sum = 0n;
  for (let at = 0; at < message.length; at += 16) {
    const block = Buffer.concat([message.subarray(at, at + 16), Buffer.of(1)]);
    sum = ((sum + littleEndian(block)) * r) % (2n ** 130n - 5n);
  }
  const tag = (sum + littleEndian(key.subarray(16, 32))) % 2n ** 128n;
  return Buffer.from(tag.toString(16).padStart(32, '0'), 'hex').reverse().toString('hex');
}

const ietf = Buffer.from(
  'Any submission to the IETF intended by the Contributor for publication as all or part of an IETF Internet-Draft or RFC ' +
    'and any statement made within the context of an IETF activity is considered an "IETF Contribution". Such statements ' +
    'include oral statements in IETF sessions, as well as written and electronic communications made at any time or place, ' +
    'which are addressed to',
).toString('hex');
const jabberwocky = Buffer.from(
  "'Twas brillig, and the slithy toves\nDid gyre and gimble in the wabe:\nAll mimsy were the borogoves,\n" +
    'And the mome raths outgrabe.',
).toString('hex');

/** RFC 8439, 2.5.2 and A.3: key, message, tag. */
const vectors: readonly (readonly [string, string, string])[] = [
  [
    '85d6be7857556d337f4452fe42d506a80103808afb0db2fd4abff6af4149f51b',
    Buffer.from('Cryptographic Forum Research Group').toString('hex'),
    'a8061dc1305136c6c22b8baf0c0127a9',
  ],
  [zeros + zeros, zeros.repeat(4), zeros],
  [`${zeros}36e5f6b5c5e06070f0efca96227a863e`, ietf, '36e5f6b5c5e06070f0efca96227a863e'],
  [`36e5f6b5c5e06070f0efca96227a863e${zeros}`, ietf, 'f3477e7cd95417af89a6b8794c310cf0'],
  ['1c9240a5eb55d38af333888604f6b5f0473917c1402b80099dca5cbc207075c0', jabberwocky, '4541669a7eaaee61e708dc7cbcc5eb62'],
  [`02${'00'.repeat(31)}`, ones, `03${'00'.repeat(15)}`],
  [`02${'00'.repeat(15)}${ones}`, `02${'00'.repeat(15)}`, `03${'00'.repeat(15)}`],
  [`01${'00'.repeat(31)}`, `${ones}f0${'ff'.repeat(15)}11${'00'.repeat(15)}`, `05${'00'.repeat(15)}`],
  [`01${'00'.repeat(31)}`, `${ones}fb${'fe'.repeat(15)}${'01'.repeat(16)}`, zeros],
  [`02${'00'.repeat(31)}`, `fd${'ff'.repeat(15)}`, `fa${'ff'.repeat(15)}`],
  [
    `01000000000000000400000000000000${zeros}`,
    `e33594d7505e43b900000000000000003394d7505e4379cd0100000000000000${zeros}01${'00'.repeat(15)}`,
    '14000000000000005500000000000000',
  ],
  [
    `01000000000000000400000000000000${zeros}`,
    `e33594d7505e43b900000000000000003394d7505e4379cd0100000000000000${zeros}`,
    '13000000000000000000000000000000',
  ],
];

/** Any bytes, all ones, or nearly so: where carries run far. */
const anyBytes = (range: fc.IntArrayConstraints): fc.Arbitrary<Uint8Array> =>
  fc.oneof(
    fc.uint8Array(range),
    fc.uint8Array(range).map((array) => array.fill(0xff)),
    fc.uint8Array({ min: 0xfa, ...range }),
  );

describe('Poly1305', () => {
  it("gives the tags of RFC 8439's vectors", () => {
    for (const [key, message, tag] of vectors) assert.equal(tagOf(hex(key), hex(message)), tag);
  });

  it('agrees with the definition for any key and message, however it is cut', () => {
    const key = anyBytes({ size: 'small', minLength: 32, maxLength: 32 });
    const message = anyBytes({ size: 'large', maxLength: 500 });
    fc.assert(
      fc.property(key, message, fc.nat(31), (key, message, blocks) => {
        const cut = Math.min(blocks * 16, message.length & ~15);
        assert.equal(tagOf(key, message.subarray(0, cut), message.subarray(cut)), slowTag(key, message));
        assert.equal(tagOf(key, message), slowTag(key, message));
      }),
      { numRuns: 500 },
    );
  });

  it('agrees with the definition for a message longer than its memory', () => {
    for (const length of [267_264, 267_265, 1_000_003]) {
      const message = randomStream(length, length);
      assert.equal(tagOf(message.subarray(0, 32), message), slowTag(message.subarray(0, 32), message));
    }
  });
});

const polynomial = 0x3da3358b4dc173n;
const tables = rabinTables(polynomial);

const stretch: fc.Arbitrary<Stretch> = fc.record({
  kind: fc.constantFrom('random', 'zeros', 'repeated'),
  length: fc.oneof(fc.nat(300), fc.nat(300_000)),
  seed: fc.nat(),
});

describe('the scan for candidates', () => {
  it('finds what a scan byte by byte finds, in any stream and from any position', () => {
    const stream = fc.array(stretch, { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(stream, fc.array(fc.nat(), { maxLength: 300 }), fc.nat(1000), (stretches, places, from) => {
        const bytes = streamOf(stretches);
        for (const place of bytes.length > 64 ? places : []) {
          plantCandidate(bytes, 64 + (place % (bytes.length - 63)), polynomial);
        }
        const found = kernels.findCandidates(tables, bytes, from);
        assert.deepEqual(found, kernels.findCandidatesSerially(tables, bytes, from));
        for (let i = 0; i < found.length; i += 2) {
          assert.ok(found[i]! > Math.max(64, from) && found[i]! <= found[i + 1]! && found[i + 1]! <= bytes.length);
          assert.ok(i === 0 || found[i]! > found[i - 1]! + 1, 'ranges ascend and do not touch');
        }
      }),
      { numRuns: 60 },
    );
  });

  it('finds the windows whose remainder has 20 low zero bits, by plain division, and no others', () => {
    const bytes = randomStream(1, 4_000_000);
    const planted = Array.from({ length: 500 }, (_, i) => 100 + i * 7_919);
    for (const position of planted) plantCandidate(bytes, position, polynomial);
    const found = kernels.findCandidates(tables, bytes, 0);
    const firsts = new Set(found.filter((_, i) => i % 2 === 0));
    for (const position of planted) assert.ok(firsts.has(position), `${position} is not among them`);
    for (const position of found) {
      assert.equal(remainderOf(bytes.subarray(position - 64, position), polynomial) & 0xfffffn, 0n, `${position}`);
    }
  });

  it('hands back more ranges than one call takes', () => {
    const bytes = randomStream(7, 600_000);
    for (let at = 129; at < bytes.length; at += 65) plantCandidate(bytes, at, polynomial);
    const found = kernels.findCandidates(tables, bytes, 0);
    assert.ok(found.length > 2 * 9000);
    assert.deepEqual(found, kernels.findCandidatesSerially(tables, bytes, 0));
  });

  it('finds every position in zeros, as one range', () => {
    assert.deepEqual([...kernels.findCandidates(tables, Buffer.alloc(1_000_001), 70)], [71, 1_000_001]);
  });

  it('takes the tables of another polynomial when it is given them', () => {
    const other = 0x2482734cacca49n;
    const bytes = randomStream(3, 200_000);
    plantCandidate(bytes, 100_000, other);
    assert.ok(kernels.findCandidates(rabinTables(other), bytes, 0).includes(100_000));
    assert.ok(!kernels.findCandidates(tables, bytes, 0).includes(100_000));
  });
});
