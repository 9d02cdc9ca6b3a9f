import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import { hasCode } from '../../../base/errors.ts';
import { createKeyFile, parseKeyFile, unlockKeyFile } from './key-file.ts';
import { randomSealingKey } from './sealing-key.ts';

const key = randomSealingKey();
const cheap = { N: 16, r: 8, p: 1 };
const about = { username: 'me', hostname: 'here', created: new Date('2026-03-04T05:06:07.089Z') };
const isCorrupt = (error: unknown): boolean => hasCode(error, 'vault/corrupt');

describe('a key file', () => {
  it('gives the key to who knows the password, and to nobody else', async () => {
    const { id, bytes } = createKeyFile({ password: 'pässwörd', key, ...about, params: cheap });
    assert.equal(id, createHash('sha256').update(bytes).digest('hex'));
    const file = parseKeyFile(bytes);
    assert.deepEqual([file.username, file.hostname, file.created], ['me', 'here', '2026-03-04T05:06:07.089Z']);
    const unlocked = await unlockKeyFile(file, 'pässwörd');
    for (const part of ['encrypt', 'macK', 'macR'] as const) assert.deepEqual(unlocked?.[part], key[part]);
    assert.equal(await unlockKeyFile(file, 'passwort'), undefined);
    assert.equal(await unlockKeyFile(file, ''), undefined);
  });

  it('says within two seconds of work that a password is wrong', async () => {
    const file = parseKeyFile(createKeyFile({ password: 'right', key, ...about }).bytes);
    assert.ok(file.N * file.r * file.p >= 2 ** 20, 'guessing must be dear');
    // Of the processor's time: others may have it meanwhile.
    const before = process.cpuUsage();
    assert.equal(await unlockKeyFile(file, 'wrong'), undefined);
    const { user, system } = process.cpuUsage(before);
    assert.ok(user + system < 2_000_000, `${user + system} µs`);
  });

  it('is refused when it is damaged or asks for more than anybody means', () => {
    const whole = JSON.parse(createKeyFile({ password: 'x', key, ...about, params: cheap }).bytes.toString()) as object;
    const bad: readonly object[] = [
      { N: 0 },
      { N: 1 },
      { N: 3 },
      { N: 1.5 },
      { N: '16' },
      { N: 2 ** 40 },
      { r: -1 },
      { N: 2 ** 20, r: 2 ** 10 },
      { p: 2 ** 28 },
      { kdf: 'none' },
      { salt: '' },
      { salt: '%' },
      { data: 7 },
      { data: undefined },
    ];
    for (const change of bad) {
      const bytes = Buffer.from(JSON.stringify({ ...whole, ...change }));
      assert.throws(() => parseKeyFile(bytes), isCorrupt, JSON.stringify(change));
    }
    for (const text of ['', '{', 'null', '[]']) assert.throws(() => parseKeyFile(Buffer.from(text)), isCorrupt);
  });
});
