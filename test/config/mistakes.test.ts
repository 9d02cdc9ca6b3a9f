/**
 * Wrong configurations of every shape: each is refused with its line, its key and what is expected, all mistakes of
 * one at once, and before anything is touched.
 */
import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { hasCode, messageOf } from '../../src/base/errors.ts';
import { readConfiguration, readEnvironmentConfiguration, readOverrides } from '../../src/config/readers.ts';
import { rightEnvironment, rightFiles } from './right-configurations.ts';
import { wrongEnvironments } from './wrong-environments.ts';
import { wrongFiles } from './wrong-files.ts';

type Variables = Readonly<Record<string, string>>;

async function refusal(reading: () => unknown): Promise<string> {
  try {
    await reading();
  } catch (error) {
    assert.ok(hasCode(error, 'config/invalid'), messageOf(error));
    return error.message;
  }
  return assert.fail('the configuration was accepted');
}

/** Reads `text` as a file in a folder of its own, and looks that nothing else is in it afterwards. */
async function readAlone(name: string, text: string, environment: Variables): Promise<unknown> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-mistakes-'));
  const file = join(folder, name);
  await writeFile(file, text);
  try {
    return await readConfiguration(file, environment);
  } finally {
    assert.deepEqual(await readdir(folder), [name]);
    assert.equal(await readFile(file, 'utf8'), text);
    await rm(folder, { recursive: true });
  }
}

test('the configurations that are spoilt here are right themselves', async () => {
  for (const { name, text, environment } of Object.values(rightFiles)) await readAlone(name, text, environment);
  assert.ok(readEnvironmentConfiguration(rightEnvironment));
});

test('there are sixty wrong configurations and more', () => {
  assert.ok(wrongFiles.length + wrongEnvironments.length >= 60);
});

for (const { what, shape, from, to, line, says } of wrongFiles)
  test(`a wrong file is refused with the line of its mistake: ${what}`, async () => {
    const right = rightFiles[shape];
    assert.equal(right.text.split(from).length, 2, `${JSON.stringify(from)} stands there once`);
    const spoilt = right.text.replace(from, () => to);
    const message = await refusal(() => readAlone(right.name, spoilt, right.environment));
    const [first = '', ...mistakes] = message.split('\n');
    assert.equal(first, 'the configuration has a mistake:', message);
    const expected = `${right.name}:${line}: ${says}`;
    assert.ok(mistakes.length === 1 && mistakes[0]?.includes(expected), `${message}\nlacks ${expected}`);
  });

for (const { what, changes, says } of wrongEnvironments)
  test(`a wrong environment is refused with the variable's name: ${what}`, async () => {
    const message = await refusal(() => readEnvironmentConfiguration({ ...rightEnvironment, ...changes }));
    const [, ...mistakes] = message.split('\n');
    assert.deepEqual(
      mistakes.map((mistake) => mistake.startsWith(`  environment: ${says}`)),
      [true],
      message,
    );
  });

test('all mistakes of one file are told at once, in the order of their lines', async () => {
  for (const shape of Object.keys(rightFiles) as (keyof typeof rightFiles)[]) {
    const { name, text, environment } = rightFiles[shape];
    // Those that do not spoil each other: different lines, nothing added or taken away, and none that hides the rest.
    const chosen = wrongFiles
      .filter((wrong) => wrong.shape === shape && wrong.together === true)
      .toSorted((a, b) => a.line - b.line);
    assert.ok(chosen.length >= 4, shape);
    const spoilt = chosen.reduce((all, { from, to }) => all.replace(from, () => to), text);
    const message = await refusal(() => readAlone(name, spoilt, environment));
    const [first, ...mistakes] = message.split('\n');
    assert.equal(first, `the configuration has ${chosen.length} mistakes:`, message);
    for (const [index, { line, says }] of chosen.entries())
      assert.ok(mistakes[index]?.includes(`${name}:${line}: ${says}`), `${message}\nlacks ${line}: ${says}`);
  }
});

test('all mistakes of the environment are told at once', async () => {
  const names = ['S3_ENDPOINT', 'S3_BUCKET', 'S3_ACCESS_KEY_ID', 'S3_SECRET_ACCESS_KEY', 'DATABASE_URL'];
  const message = await refusal(() =>
    readEnvironmentConfiguration({ BACKUP_INTERVAL: 'often', BACKUP_ENCRYPTION: 'true', COMPRESSION_LEVEL: '10' }),
  );
  for (const name of [...names, 'BACKUP_INTERVAL', 'BACKUP_ENCRYPTION_KEY', 'COMPRESSION_LEVEL'])
    assert.match(message, new RegExp(`^ {2}environment: ${name}: `, 'm'));
});

test('what an option or a variable says wrong is told as theirs, beside what is wrong in the file', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-mistakes-'));
  const file = join(folder, 'backup_config.yaml');
  const { text } = rightFiles.backupS3;
  await writeFile(file, text.replace('prefix: backups/', 'prefix: a//b'));
  try {
    const said = { dirs: ['/data', ''], bucket: '', intervalSeconds: 99_999_999_999 };
    const message = await refusal(() => readConfiguration(file, { LOG_LEVEL: 'CHATTY' }, said));
    assert.deepEqual(message.split('\n').slice(1), [
      '  command line: --bucket: found ""; expected a text that is not empty',
      '  command line: --dirs: found ""; expected a text that is not empty',
      '  command line: --interval: found 99999999999; expected at most 31622400',
      '  environment: LOG_LEVEL: found "CHATTY"; expected DEBUG, INFO, WARN, WARNING, ERROR, CRITICAL',
      `  ${file}:4: backup.s3.prefix: found "a//b"; expected folders with "/" between them, none of them empty, "." or ".."`,
    ]);
  } finally {
    await rm(folder, { recursive: true });
  }
  const message = await refusal(() => readOverrides({ dirs: ['/data'], prefix: '../b' }, {}));
  assert.deepEqual(message.split('\n').slice(1), [
    '  command line: --bucket: is missing; expected a text',
    '  command line: --prefix: found "../b"; expected folders with "/" between them, none of them empty, "." or ".."',
  ]);
});

test('a variable that is not set is one mistake, whatever its key expects, and its reference is shown', async () => {
  const { text } = rightFiles.backupTargets;
  const spoilt = text.replace(/port: \d+/, 'port: ${DB_PORT}').replace('password: admin', 'password: ${DB_PASSWORD}');
  const targets = await refusal(() => readAlone('backups.yml', spoilt, rightFiles.backupTargets.environment));
  assert.match(targets, /^the configuration has 2 mistakes:/);
  assert.match(
    targets,
    /config\.port: the variable DB_PORT is not set, and has no default here, as in \$\{DB_PORT:-default\}$/m,
  );
  assert.match(targets, /DB_PASSWORD is not set, and has no default here, as in \$\{DB_PASSWORD:-default\}$/m);
  const native = 'stores: { s: { type: s3, bucket: b, endpoint: "${NO_ENDPOINT}" } }\nvaults: {}\njobs: {}\n';
  const message = await refusal(() => readAlone('holdfast.yaml', native, {}));
  assert.match(message, /^the configuration has a mistake:\n[^\n]*NO_ENDPOINT is not set[^\n]*$/);
});

test('an env file that is no configuration is refused', async () => {
  const message = await refusal(() => readAlone('x.env', 'HOME=/root\n', {}));
  assert.match(message, /x\.env: none of the variables/);
});
