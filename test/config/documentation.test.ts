/** The examples of docs/configuration.md are right configurations. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseEnvFile } from '../../src/config/variables/env-file.ts';
import { readEnvironmentConfiguration } from '../../src/config/readers.ts';
import { readConfigurationText } from '../../src/config/read-configuration.ts';

const page = readFileSync(join(import.meta.dirname, '../../docs/configuration.md'), 'utf8');
const examples = [...page.matchAll(/^```(\w+)\n([^]*?)^```$/gm)];

/** What the examples refer to. */
const variables = {
  DATABASE_URL: 'postgres://me@db/x',
  WEBHOOK_URL: 'https://example.com',
  POSTGRES_USER: 'me',
  POSTGRES_PASSWORD: 'word',
  S3_BUCKET: 'b',
  AWS_DEFAULT_REGION: 'eu-west-1',
  BACKUP_ENCRYPTION_KEY: 'an encryption key of more than 32 characters',
};

test('there is an example of each shape', () => {
  assert.deepEqual(
    examples.map(([, language]) => language),
    ['yaml', 'yaml', 'env', 'env', 'yaml', 'json'],
  );
});

for (const [, language, text = ''] of examples)
  test(`the example is right that begins with ${text.trim().split('\n')[0]} (${language})`, async () => {
    const configuration =
      language === 'env'
        ? readEnvironmentConfiguration(parseEnvFile(text))
        : await readConfigurationText(text, 'example', variables);
    assert.equal(configuration?.jobs.length, 1);
  });
