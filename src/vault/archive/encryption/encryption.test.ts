import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { Decrypter, Encrypter, generateIdentity, identityToRecipient } from 'age-encryption';
import * as fc from 'fast-check';

import type { EncryptionSpec } from '../archive-spec.ts';
import { openAge } from './age.ts';
import { openSeal, startSeal } from './encryption.ts';
import type { EncryptionDescriptor } from './encryption-descriptor.ts';

const identity = await generateIdentity();
const age = { type: 'age', recipients: [await identityToRecipient(identity)], identities: [identity] } as const;
const openssl = { type: 'openssl', passphrase: 'correct horse battery staple' } as const;

async function* inPieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function sealed(
  spec: EncryptionSpec,
  plain: Uint8Array,
  pieceSize = 50_000,
): Promise<{ bytes: Buffer; descriptor: EncryptionDescriptor }> {
  const seal = await startSeal(spec);
  const parts: Buffer[] = [];
  for await (const chunk of seal.seal(inPieces(plain, pieceSize))) parts.push(Buffer.from(chunk));
  return { bytes: Buffer.concat(parts), descriptor: seal.descriptor() };
}

const opened = async (
  spec: EncryptionSpec,
  { bytes, descriptor }: { bytes: Uint8Array; descriptor: EncryptionDescriptor },
  pieceSize = 50_000,
): Promise<Buffer> => Buffer.concat(await Array.fromAsync(openSeal(descriptor, spec, inPieces(bytes, pieceSize))));

const content = fc.uint8Array({ maxLength: 1000 });
const pieceSize = fc.integer({ min: 1, max: 1200 });

describe('envelopes', () => {
  for (const [spec, numRuns] of [
    [age, 40],
    [openssl, 4],
  ] as const) {
    it(`${spec.type} gives back any content, however it is cut`, async () => {
      await fc.assert(
        fc.asyncProperty(content, pieceSize, pieceSize, async (plain, cutIn, cutOut) => {
          assert.ok((await opened(spec, await sealed(spec, plain, cutIn), cutOut)).equals(plain));
        }),
        { numRuns },
      );
    });
  }

  it('age agrees with its library about the edges of chunks', async () => {
    for (const sizeBytes of [0, 1, 65_535, 65_536, 65_537, 131_072, 1_048_576, 1_048_577]) {
      const plain = Buffer.alloc(sizeBytes, 'chunk');
      const decrypter = new Decrypter();
      decrypter.addIdentity(identity);
      assert.ok(Buffer.from(await decrypter.decrypt((await sealed(age, plain)).bytes)).equals(plain), `${sizeBytes}`);
      const encrypter = new Encrypter();
      encrypter.addRecipient(age.recipients[0] ?? '');
      const theirs = await encrypter.encrypt(plain);
      const ours = Buffer.concat(await Array.fromAsync(openAge(age, inPieces(theirs, 9999))));
      assert.ok(ours.equals(plain), `${sizeBytes}`);
    }
  });

  it("age reads its library's passphrase files and is read by it", async () => {
    const withPassphrase = { type: 'age', passphrase: openssl.passphrase } as const;
    const decrypter = new Decrypter();
    decrypter.addPassphrase(openssl.passphrase);
    const ours = await sealed(withPassphrase, Buffer.from('ours'));
    assert.equal(Buffer.from(await decrypter.decrypt(ours.bytes)).toString(), 'ours');
    const encrypter = new Encrypter();
    encrypter.setPassphrase(openssl.passphrase);
    encrypter.setScryptWorkFactor(12);
    const theirs = await encrypter.encrypt('theirs');
    const plain = Buffer.concat(await Array.fromAsync(openAge(withPassphrase, inPieces(theirs, 10))));
    assert.equal(plain.toString(), 'theirs');
  });

  it('age refuses chunks that are cut off, added, swapped or changed', async () => {
    const chunk = 65_536 + 16;
    const { bytes, descriptor } = await sealed(age, Buffer.alloc(3 * 65_536, 'abc'));
    const start = bytes.length - 3 * chunk;
    const part = (index: number): Buffer => bytes.subarray(start + index * chunk, start + (index + 1) * chunk);
    const head = bytes.subarray(0, start);
    const changed = Buffer.from(bytes);
    changed[start + 5] = (changed[start + 5] ?? 0) ^ 1;
    const damaged = {
      'the last chunk is missing': bytes.subarray(0, bytes.length - chunk),
      'a byte is missing': bytes.subarray(0, bytes.length - 1),
      'all chunks are missing': head,
      'half the nonce is missing': head.subarray(0, -8),
      'two are swapped': Buffer.concat([head, part(1), part(0), part(2)]),
      'one is there twice': Buffer.concat([head, part(0), part(0), part(1), part(2)]),
      'something follows': Buffer.concat([bytes, Buffer.from('x')]),
      'a bit is changed': changed,
    };
    for (const [what, wrong] of Object.entries(damaged)) {
      await assert.rejects(opened(age, { bytes: wrong, descriptor }), { code: 'vault/corrupt' }, what);
    }
  });

  it('openssl refuses any change, also one that its padding would not show', async () => {
    const { bytes, descriptor } = await sealed(openssl, Buffer.alloc(1000, 'abc'));
    for (const wrong of [bytes.subarray(0, -16), Buffer.concat([bytes, bytes.subarray(-16)]), bytes.subarray(0, 10)]) {
      await assert.rejects(opened(openssl, { bytes: wrong, descriptor }), { code: 'vault/corrupt' });
    }
    const changed = Buffer.from(bytes);
    changed[100] = (changed[100] ?? 0) ^ 1;
    await assert.rejects(opened(openssl, { bytes: changed, descriptor }), { code: 'vault/corrupt' });
  });
});
