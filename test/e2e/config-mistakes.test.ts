import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { runHoldfast } from './holdfast.ts';
import { assertFailed, assertFails, filesIn, scratchFolder } from './scratch.ts';

/** A right configuration, of which each case spoils one line. */
const right = `stores:
  nas: { type: local, path: ./vault }
vaults:
  main: { type: archive, store: nas }
jobs:
  app:
    sources:
      - { type: directory, path: ./files }
    vaults: [main]
`;

interface Mistake {
  readonly what: string;
  readonly line: number;
  readonly text: string;
  readonly says: string;
}

const mistakes: readonly Mistake[] = [
  {
    what: 'a type of store that there is not',
    line: 2,
    text: '  nas: { type: ftp, path: x }',
    says: 'stores.nas.type: found "ftp"; expected "s3" or "local"',
  },
  {
    what: 'a store without a path',
    line: 2,
    text: '  nas: { type: local }',
    says: 'stores.nas.path: is missing; expected a text',
  },
  {
    what: 'a store without a bucket',
    line: 2,
    text: '  nas: { type: s3 }',
    says: 'stores.nas.bucket: is missing; expected a text',
  },
  {
    what: 'a misspelt key',
    line: 2,
    text: '  nas: { type: local, path: x, prefx: y }',
    says: 'stores.nas.prefx: this key is not known; known here: type, path',
  },
  {
    what: 'an endpoint that is no address',
    line: 2,
    text: '  nas: { type: s3, bucket: b, endpoint: "minio:9000" }',
    says: 'stores.nas.endpoint: found "minio:9000"; expected an address',
  },
  {
    what: 'a part size out of range',
    line: 2,
    text: '  nas: { type: s3, bucket: b, partSizeMiB: 1 }',
    says: 'stores.nas.partSizeMiB: found 1; expected at least 5',
  },
  {
    what: 'a variable that is not set',
    line: 2,
    text: "  nas: { type: local, path: '${NO_SUCH}' }",
    says: 'stores.nas.path: the variable NO_SUCH is not set',
  },
  {
    what: 'a type of vault that there is not',
    line: 4,
    text: '  main: { type: zip, store: nas }',
    says: 'vaults.main.type: found "zip"; expected "archive"',
  },
  {
    what: 'a vault on an unknown store',
    line: 4,
    text: '  main: { type: archive, store: nsa }',
    says: 'vaults.main.store: found "nsa"; expected one of the stores: "nas"',
  },
  {
    what: 'a name that can be no part of a key',
    line: 4,
    text: '  "ma in": { type: archive, store: nas }',
    says: 'vaults.ma in: found',
  },
  {
    what: 'a compression that there is not',
    line: 4,
    text: '  main: { type: archive, store: nas, compression: { algorithm: lzma } }',
    says: 'vaults.main.compression.algorithm: found "lzma"; expected "gzip" or "zstd" or "none"',
  },
  {
    what: 'a level out of range',
    line: 4,
    text: '  main: { type: archive, store: nas, compression: { algorithm: gzip, level: 12 } }',
    says: 'vaults.main.compression.level: found 12; expected at most 9',
  },
  {
    what: 'openssl without a passphrase',
    line: 4,
    text: '  main: { type: archive, store: nas, encryption: { type: openssl } }',
    says: 'vaults.main.encryption.passphrase: is missing; expected a text',
  },
  {
    what: 'a list without members',
    line: 4,
    text: '  main: { type: archive, store: nas, encryption: { type: age, recipients: [] } }',
    says: 'vaults.main.encryption.recipients: found []; expected at least 1 item',
  },
  {
    what: 'a type of source that there is not',
    line: 8,
    text: '      - { type: mysql }',
    says: 'jobs.app.sources[0].type: found "mysql"; expected "directory" or "',
  },
  {
    what: 'a text where a list belongs',
    line: 8,
    text: "      - { type: postgres, databases: '*' }",
    says: 'jobs.app.sources[0].databases: found "*"; expected a list',
  },
  {
    what: 'neither true nor false',
    line: 8,
    text: '      - { type: postgres, globals: maybe }',
    says: 'jobs.app.sources[0].globals: found "maybe"; expected true or false',
  },
  {
    what: 'a dump format that there is not',
    line: 8,
    text: '      - { type: postgres, format: tar }',
    says: 'jobs.app.sources[0].format: found "tar"; expected "plain" or "custom"',
  },
  {
    what: 'a command without words',
    line: 8,
    text: '      - { type: command, command: [] }',
    says: 'jobs.app.sources[0].command: found []; expected at least 1 item',
  },
  {
    what: 'a misspelt key of a source',
    line: 8,
    text: '      - { type: directory, path: x, excludes: [y] }',
    says: 'jobs.app.sources[0].excludes: this key is not known; known here: type, path, name, include, exclude, ignoreFiles, oneFileSystem',
  },
  {
    what: 'an unknown vault',
    line: 9,
    text: '    vaults: [main, mian]',
    says: 'jobs.app.vaults[1]: found "mian"; expected one of the vaults: "main"',
  },
  {
    what: 'a limit that is no number',
    line: 9,
    text: '    vaults: [main]\n    limits: { uploadKBps: fast }',
    says: 'jobs.app.limits.uploadKBps: found "fast"; expected a number',
  },
  {
    what: 'a misspelt key of a job',
    line: 9,
    text: '    vaults: [main]\n    shedule: { cron: x }',
    says: 'jobs.app.shedule: this key is not known; known here: sources, vaults',
  },
  { what: 'a list that does not end', line: 9, text: '    vaults: [main', says: '' },
  {
    what: 'a key written twice',
    line: 9,
    text: '    vaults: [main]\n    vaults: [main]',
    says: 'Map keys must be unique',
  },
];

async function setUp(t: TestContext, configuration: string): Promise<string> {
  const folder = await scratchFolder(t);
  await mkdir(join(folder, 'files'));
  await writeFile(join(folder, 'files/a.txt'), 'a');
  await writeFile(join(folder, 'holdfast.yaml'), configuration);
  return folder;
}

const escape = (text: string): string => text.replaceAll(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`);

for (const { what, line, text, says } of mistakes)
  test(`a mistake is told with its line and key, and nothing is touched: ${what}`, async (t) => {
    const lines = right.split('\n');
    const folder = await setUp(t, lines.toSpliced(line - 1, 1, text).join('\n'));
    // A second line of the case is where its mistake is.
    const at = line + text.split('\n').length - 1;
    const place = `holdfast\\.yaml:${says === '' ? '\\d+' : at}: ${escape(says)}`;
    await assertFails(['backup'], { status: 1, says: [new RegExp(place), /\[config\/invalid\]/] }, { cwd: folder });
    assert.deepEqual(await filesIn(folder), ['files/a.txt', 'holdfast.yaml']);
  });

test('all mistakes of a file are told at once, by config check and by a run alike', async (t) => {
  const spoilt = right.replace('local', 'ftp').replace('[main]', '[mian]').replace('directory', 'mysql');
  const folder = await setUp(t, spoilt);
  const check = await runHoldfast(['config', 'check'], { cwd: folder });
  assertFailed(check, { status: 1, says: [/has 3 mistakes/, /yaml:2: /, /yaml:8: /, /yaml:9: /] });
  assert.equal((await runHoldfast(['backup'], { cwd: folder })).stderr, check.stderr);
});

test('config check finds what no schema can: a layout or an encryption that makes no sense', async (t) => {
  for (const [more, says] of [
    ["layout: '{nonsense}'", /unknown placeholder \{nonsense\}/],
    ['encryption: { type: age }', /neither recipients nor a passphrase/],
    ['encryption: { type: openssl, passphrase: short }', /at least 12 are needed/],
  ] as const) {
    const folder = await setUp(t, right.replace('store: nas }', `store: nas, ${more} }`));
    await assertFails(['config', 'check'], { status: 1, says: [says] }, { cwd: folder });
    await assertFails(['backup'], { status: 1, says: [says] }, { cwd: folder });
    assert.deepEqual(await filesIn(join(folder, 'vault')), []);
  }
});

test('a configuration that is not there, or can’t be read, or has no job, is told', async (t) => {
  const folder = await setUp(t, right.replace(/jobs:[^]*/, 'jobs: {}\n'));
  const options = { cwd: folder };
  await assertFails(['backup'], { status: 1, says: [/holdfast\.yaml has no job/] }, options);
  await assertFails(
    ['backup', '--config', 'no.yaml'],
    { status: 1, says: [/no configuration file no\.yaml/, /--config/] },
    options,
  );
  await assertFails(
    ['list'],
    { status: 1, says: [/no configuration file else\.yaml/] },
    { ...options, env: { HOLDFAST_CONFIG: 'else.yaml' } },
  );
  await assertFails(
    ['config', 'check', '--config', 'files'],
    { status: 1, says: [/files can't be read/, /may read/] },
    options,
  );
  const empty = await scratchFolder(t);
  await assertFails(
    ['config', 'check'],
    { status: 1, says: [/there is no holdfast\.yaml here/, /--config FILE/] },
    { cwd: empty },
  );
});

test('a variable may name a file, and a file that is not there is told', async (t) => {
  const folder = await setUp(t, right.replace('./vault', "'${PLACE}'"));
  const options = { cwd: folder, env: { PLACE_FILE: join(folder, 'nowhere') } };
  await assertFails(
    ['config', 'check'],
    { status: 1, says: [/:2: stores\.nas\.path: PLACE_FILE can't be read/] },
    options,
  );
});
