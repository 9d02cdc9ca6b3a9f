/** Secrets of a configuration, right or wrong, are never quoted: not by an error's message, not by its context. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assert as assertProperty, asyncProperty, constantFrom, stringMatching } from 'fast-check';
import { HoldfastError, messageOf } from '../../src/base/errors.ts';
import { scrub } from '../../src/base/secrets.ts';
import { readEnvironmentConfiguration } from '../../src/config/readers.ts';
import { readConfigurationText } from '../../src/config/read-configuration.ts';

/** Nothing that a message says by itself. */
const secretText = stringMatching(/^[A-Za-z0-9@:/%#{}!*&'"-]{2,20}ZqX7[A-Za-z0-9@:/%#{}!*&'"-]{2,20}$/);

/** Each place where a secret may stand in a file, with the file around it; `wrong` is a mistake elsewhere. */
const files: readonly ((secret: string, wrong: string) => string)[] = [
  (secret, wrong) => `stores: { s: { type: s3, bucket: ${wrong}, accessKeyId: A, secretAccessKey: ${secret} } }`,
  (secret, wrong) => `stores: { s: { type: s3, bucket: ${wrong}, sessionToken: ${secret} } }`,
  (secret, wrong) =>
    `vaults: { v: { type: ${wrong}, store: s, encryption: { type: openssl, passphrase: ${secret} } } }`,
  (secret) => `vaults: { v: { type: archive, store: s, encryption: { type: openssl, passphrase: [${secret}] } } }`,
  (secret) => `vaults: { v: { type: archive, store: s, encryption: { type: age, identities: ${secret} } } }`,
  (secret, wrong) => `jobs: { j: { sources: [{ type: postgres, url: ${secret}, host: ${wrong} }], vaults: [] } }`,
  (secret, wrong) => `jobs: { j: { sources: [{ type: postgres, host: ${wrong}, passwrd: x, password: ${secret} }] } }`,
  (secret) => `jobs: { j: { sources: [{ type: command, command: x, environment: { TOKEN: [${secret}] } }] } }`,
  (secret) => `notifications: { n: { type: webhook, url: ${secret} } }`,
  (secret) =>
    `backup_targets: [{ name: a, type: database, config: { host: h, user: u, password: { is: ${secret} } } }]`,
  (secret, wrong) => `backup_targets: [{ name: a, type: ${wrong}, config: { host: h, user: u, password: ${secret} } }]`,
];

async function errorOf(reading: () => unknown): Promise<string> {
  try {
    await reading();
  } catch (error) {
    assert.ok(error instanceof HoldfastError, messageOf(error));
    return `${error.message} ${error.hint} ${JSON.stringify(error.context)}`;
  }
  return assert.fail('the configuration was accepted');
}

const quoted = (text: string): string => JSON.stringify(text);

test('no message about a file quotes a secret of it, in quotes, bare, or cut off', async () => {
  await assertProperty(
    asyncProperty(
      secretText,
      constantFrom(...files),
      constantFrom('[]', '5', 'nonsense'),
      async (secret, file, wrong) => {
        for (const written of [quoted(secret), secret, `"${secret}`, `*${secret}`, `!${secret} x`, `{ ${secret}`]) {
          const said = await errorOf(() => readConfigurationText(file(written, wrong), 'x.yaml', {}));
          assert.ok(!said.includes('ZqX7'), `${file(written, wrong)}\n${said}`);
        }
        const said = await errorOf(() => readConfigurationText(file('${SECRET}', wrong), 'x.yaml', { SECRET: secret }));
        assert.ok(!said.includes('ZqX7'), said);
      },
    ),
    { numRuns: 300 },
  );
});

const secretVariables = [
  'DATABASE_URL',
  'PGPASSWORD',
  'S3_ACCESS_KEY_ID',
  'S3_SECRET_ACCESS_KEY',
  'BACKUP_ENCRYPTION_KEY',
  'WEBHOOK_URL',
  'API_KEYS',
];

test('no message about the environment quotes a secret of it, nor does a line written afterwards', async () => {
  await assertProperty(
    asyncProperty(secretText, constantFrom(...secretVariables), async (secret, name) => {
      const environment = { BACKUP_INTERVAL: 'wrong', BACKUP_ENCRYPTION: 'true', [name]: secret };
      const said = await errorOf(() => readEnvironmentConfiguration(environment));
      assert.ok(!said.includes('ZqX7'), said);
      if (name !== 'DATABASE_URL') assert.ok(!scrub(`the library said: ${secret}.`).includes('ZqX7'), name);
    }),
    { numRuns: 300 },
  );
});
