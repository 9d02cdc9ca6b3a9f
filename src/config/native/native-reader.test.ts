import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HoldfastError } from '../../base/errors.ts';
import { scrub } from '../../base/secrets.ts';
import { readNativeText } from '../testing/read-native-text.ts';

const good = `
stores:
  nas: { type: local, path: "\${ROOT:-/mnt/backups}" }
  offsite: { type: s3, bucket: b, prefix: prod/, endpoint: "https://s3.example", partSizeMiB: "\${PART:-16}" }
vaults:
  plain: { type: archive, store: nas }
  main: { type: archive, store: offsite, encryption: { type: openssl, passphrase: "\${KEY}" } }
jobs:
  app:
    sources:
      - { type: directory, path: /srv/app, exclude: ['*.tmp'] }
      - { type: postgres, url: "\${DATABASE_URL}", databases: ['*'] }
    vaults: [plain, main]
    limits: { uploadKBps: 2000 }
`;
const environment = { KEY: 'correct horse battery', DATABASE_URL: 'postgres://u:p%40ss-word@db/shop' };

function mistakesIn(text: string, variables: Record<string, string> = environment): string {
  try {
    readNativeText(text, 'holdfast.yaml', variables);
  } catch (error) {
    assert.ok(error instanceof HoldfastError);
    assert.equal(error.code, 'config/invalid');
    return error.message;
  }
  return assert.fail('the configuration was accepted');
}

test('a native configuration becomes jobs, each with its vaults and their stores', () => {
  const { jobs, vaults } = readNativeText(good, 'holdfast.yaml', environment);
  assert.equal(vaults.length, 2);
  const [job] = jobs;
  assert.equal(job?.name, 'app');
  assert.deepEqual(
    job?.vaults.map(({ name, store }) => [name, store.type]),
    [
      ['plain', 'local'],
      ['main', 's3'],
    ],
  );
  assert.deepEqual(job?.vaults[0]?.store, { type: 'local', path: '/mnt/backups' });
  const offsite = job?.vaults[1]?.store;
  assert.equal(offsite?.type === 's3' && offsite.partSizeMiB, 16);
  assert.deepEqual(job?.limits, { uploadKBps: 2000 });
});

test('secrets of a configuration are scrubbed from then on, also in their URL-encoded form', () => {
  readNativeText(good, 'holdfast.yaml', environment);
  assert.ok(!scrub('the key is correct horse battery').includes('horse'));
  assert.ok(!scrub('the password is p@ss-word').includes('p@ss'));
  assert.ok(!scrub('the password is p%40ss-word').includes('p%40ss'));
});

test('a variable that is neither set nor given a default is a mistake on its line', () => {
  const message = mistakesIn(good, { DATABASE_URL: 'postgres://db/shop' });
  assert.match(message, /holdfast\.yaml:7: vaults\.main\.encryption\.passphrase: the variable KEY is not set/);
});

test('every mistake is named with its line, key, what was found and what is expected, all at once', () => {
  const message = mistakesIn(
    good
      .replace('uploadKBps: 2000', 'uploadKBps: fast')
      .replace('store: nas', 'store: nass')
      .replace("exclude: ['*.tmp']", 'excludes: x'),
  );
  assert.match(message, /:11: jobs\.app\.sources\[0\]\.excludes: this key is not known/);
  assert.match(message, /:14: jobs\.app\.limits\.uploadKBps: found "fast"; expected a number/);
  assert.match(message, /:6: vaults\.plain\.store: found "nass"; expected one of the stores: "nas", "offsite"/);
});

test('a syntax error is a mistake with its line', () => {
  assert.match(mistakesIn('stores:\n  a: [1\nvaults: {}\n'), /holdfast\.yaml:\d+: /);
});

test('a key written twice is a mistake, not a silent choice', () => {
  assert.match(mistakesIn(`${good}\njobs: {}\n`), /unique/i);
});

test('no message about a configuration quotes a secret of it', () => {
  const message = scrub(mistakesIn(good.replace('type: openssl', 'type: opensll')));
  assert.ok(!message.includes('horse'), message);
});
