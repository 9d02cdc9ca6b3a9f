import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { registerSecret, scrub, scrubbedText } from './secrets.ts';

test('a registered secret is nowhere in a scrubbed text: as it is, in a URL, in JSON', () => {
  const secrets = fc.string({ unit: 'grapheme', minLength: 4, maxLength: 30 }).filter((text) => !/^\*+$/.test(text));
  fc.assert(
    fc.property(secrets, fc.string(), fc.string(), (secret, before, after) => {
      registerSecret(secret);
      const forms = [secret, encodeURIComponent(secret), JSON.stringify(secret).slice(1, -1)];
      for (const form of forms) {
        const clean = scrub(`${before}${form}${after}`);
        // The mask beside a star of the text may spell a secret that is made of stars; nothing else may.
        assert.ok(!clean.includes(form) || form.includes('*'), `${form} is in ${clean}`);
      }
    }),
  );
});

test('a secret that contains another one goes as a whole', () => {
  registerSecret('tiger-lily');
  registerSecret('tiger-lily-and-more');
  assert.equal(scrub('<tiger-lily-and-more>'), '<********>');
});

test('the password of any URL is hidden, "@" in it included, and the rest of the URL stays', () => {
  assert.equal(scrub('at postgres://app:s3cr@t@db:5432/x failed'), 'at postgres://app:********@db:5432/x failed');
  assert.equal(scrub('redis://:pw@cache'), 'redis://:********@cache');
});

test('a URL without a password stays as it is', () => {
  for (const text of ['https://host:8080/a@b', 'http://user@host/', 'time: 10:20 a@b']) assert.equal(scrub(text), text);
});

test('a password that is a word of our own lines hides none of them, and one of digits no number of a JSON text', () => {
  for (const word of ['postgres', 'backup', '1234']) registerSecret(word);
  const point = { source: { type: 'postgres' }, key: 'postgres-backups/backup_1', sizeBytes: 12_345, note: 'is 1234' };
  assert.deepEqual(JSON.parse(JSON.stringify(point, scrubbedText)), { ...point, note: 'is ********' });
  assert.equal(scrub('postgres://u:backup@db/x'), 'postgres://u:********@db/x');
});

test('a value of up to three characters is no secret: it would hide ordinary words', () => {
  assert.equal(registerSecret('abc'), 'abc');
  assert.equal(scrub('abc'), 'abc');
});
