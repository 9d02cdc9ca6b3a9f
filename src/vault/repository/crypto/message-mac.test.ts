import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { kernelMac, type MessageMac, openSslMac } from './message-mac.ts';

function tagOf(mac: MessageMac, key: Uint8Array, message: Uint8Array, partBytes: number): string {
  mac.start(key);
  for (let at = 0; at < message.length; at += partBytes) mac.update(message.subarray(at, at + partBytes));
  return Buffer.from(mac.finish()).toString('hex');
}

test('the tag is the same whoever computes it, in whatever parts and wherever the message lies', () => {
  const native = openSslMac();
  assert.ok(native, 'this Node.js has OpenSSL');
  for (const length of [0, 1, 15, 16, 17, 255, 256, 1024, 4095, 65_536, 100_001]) {
    const key = randomBytes(32);
    const message = new Uint8Array(new SharedArrayBuffer(length + 3), 3);
    message.set(randomBytes(length));
    const expected = tagOf(kernelMac(), key, message, 1_000_000);
    for (const partBytes of [16, 48, 4096, 1_000_000])
      assert.equal(tagOf(native, key, message, partBytes), expected, `${length} bytes by ${partBytes}`);
  }
});

test('extremes of key and message carry as they must', () => {
  const native = openSslMac();
  assert.ok(native);
  for (const key of [
    Buffer.alloc(32, 0xff),
    Buffer.alloc(32),
    Buffer.concat([Buffer.alloc(16, 2), Buffer.alloc(16, 0xff)]),
  ])
    for (const fill of [0, 0xff, 0xfb])
      for (const length of [16, 32, 48, 1000, 5000]) {
        const message = Buffer.alloc(length, fill);
        assert.equal(tagOf(native, key, message, 16), tagOf(kernelMac(), key, message, 16));
      }
});
