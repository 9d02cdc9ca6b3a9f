import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { runHoldfast } from './holdfast.ts';
import { assertFails, filesIn, holdfast, scratchFolder } from './scratch.ts';

const root = join(import.meta.dirname, '../..');
const documents = ['README.md', ...globSync('docs/**/*.md', { cwd: root })];

/** The command lines that the documents show, a command and its words each. */
function documentedLines(): { readonly document: string; readonly words: readonly string[] }[] {
  return documents.flatMap((document) => {
    const text = readFileSync(join(root, document), 'utf8');
    const lines = [...text.matchAll(/(?:^|`)holdfast ([a-z][^\n`#|>]*)/gm)].map((match) => match[1] ?? '');
    return lines.map((line) => ({ document, words: line.trim().split(/\s+/) }));
  });
}

async function helpOf(...command: string[]): Promise<string> {
  return (await holdfast([...command, '--help'])).stdout;
}

/** The names that a help lists, other names ("list|snapshots") with them. */
const commandNames = (help: string, withAliases = false): string[] =>
  [...help.matchAll(/^ {2}([a-z][a-z-]*)(?:\|([a-z-]+))?/gm)].flatMap(([, name = '', alias]) =>
    withAliases && alias !== undefined ? [name, alias] : [name],
  );

test('every command and option that the documents use is in the help of that command', async () => {
  const lines = documentedLines();
  assert.ok(lines.length > 15, 'the documents show command lines');
  const names = commandNames(await helpOf(), true);
  const helps = new Map<string, string>();
  for (const { document, words } of lines) {
    const [name = '', second = ''] = words;
    if (name === 'COMMAND') continue;
    assert.ok(names.includes(name), `${document} uses "holdfast ${name}", which there is not`);
    const command = ['config', 'repo', 'repair', 'key'].includes(name) ? `${name} ${second}` : name;
    if (!helps.has(command)) helps.set(command, await helpOf(...command.split(' ')));
    for (const word of words.filter((candidate) => candidate.startsWith('--'))) {
      const flag = word.replace(/[=,.].*$/, '');
      assert.match(helps.get(command) ?? '', new RegExp(`${flag}\\b`), `${document}: holdfast ${command} ${flag}`);
    }
  }
});

test('every command has a help with all the options that all commands share', async () => {
  const groups = new Set(['help', 'config', 'repo', 'repair', 'key']);
  const names = commandNames(await helpOf()).filter((name) => !groups.has(name));
  const chapters = [
    'backup once daemon',
    'list show ls find diff stats',
    'restore dump',
    'verify check',
    'forget prune copy tag rewrite',
    'init unlock recover rebuild-index cat',
    'doctor healthcheck version',
  ];
  assert.equal(names.join(' '), chapters.join(' '));
  const inGroups = [
    ...['check', 'show', 'convert'].map((name) => ['config', name]),
    ['repo', 'init'],
    ['repair', 'index'],
    ['repair', 'packs'],
  ];
  for (const command of [...names.map((name) => [name]), ...inGroups]) {
    const help = await helpOf(...command);
    const shared = ['--config', '--json', '--quiet', '--log-level', '--log-format', '--repo', '--password-file'];
    for (const option of shared) assert.ok(help.includes(option), `${command.join(' ')}: ${option}`);
  }
});

test('without a command it shows what there is', async () => {
  await assertFails([], { status: 1, says: [/Usage: holdfast/, /backup/, /restore/, /doctor/] });
  await assertFails(['config'], { status: 1, says: [/Usage: holdfast config/, /check/] });
});

interface WrongLine {
  readonly args: readonly string[];
  readonly says: readonly RegExp[];
}

const wrongLines: readonly WrongLine[] = [
  { args: ['bakcup'], says: [/unknown command 'bakcup'/, /Did you mean backup\?/] },
  { args: ['backup', 'files', '--to', 'v', '--one-file-sistem'], says: [/Did you mean --one-file-system\?/] },
  { args: ['backup', 'files'], says: [/not said where to back up to/, /--to DIR/] },
  { args: ['backup'], says: [/there is nothing to back up/, /holdfast backup \.\/docs --to \.\/backups/] },
  { args: ['backup', 'files', '--to'], says: [/'--to <address>' argument missing/] },
  { args: ['backup', 'files', '--to', ''], says: [/address of the vault is empty/] },
  {
    args: ['backup', 'files', '--to', 'ftp://host/x'],
    says: [/"ftp:\/\/host\/x" is no address/, /s3:\/\/bucket\/prefix/],
  },
  { args: ['backup', 'files', '--to', 'v', '--compression', 'lzma'], says: [/"lzma" is no compression/, /zstd:19/] },
  { args: ['backup', 'files', '--to', 'v', '--compression', 'gzip:12'], says: [/"gzip:12" is no compression/] },
  { args: ['backup', 'files', '--to', 'v', '--format', 'tar'], says: [/'tar' is invalid/, /plain, custom/] },
  { args: ['backup', 'files', '--to', 'v', '--encryption', 'rot13'], says: [/'rot13' is invalid/, /age, openssl/] },
  {
    args: ['backup', 'files', '--to', 'v', '--encryption', 'age'],
    says: [/needs a recipient or a passphrase/, /age-keygen/],
  },
  {
    args: ['backup', 'files', '--to', 'v', '--encryption', 'openssl'],
    says: [/needs a passphrase/, /--passphrase-file/],
  },
  { args: ['backup', 'files', '--to', 'v', '--passphrase-file', 'no'], says: [/--passphrase-file: no can't be read/] },
  { args: ['backup', 'files', '--to', 'v', '--limit-upload', 'fast'], says: [/whole kilobytes a second, not "fast"/] },
  { args: ['backup', 'files', '--to', 'v', '--layout', 'x'], says: [/layout/, /\{source\}/] },
  { args: ['backup', 'files', '--to', 'v', '--job', 'app'], says: [/--job is for configured jobs/] },
  { args: ['backup', 'files', '--to', 'v', '--log-level', 'loud'], says: [/"loud" is no log level/, /debug/] },
  { args: ['backup', 'files', '--to', 'v', '--log-format', 'xml'], says: [/'xml' is invalid/, /text, json/] },
  { args: ['backup', 'files', '--to', 'v', '--databases', '*'], says: [/--databases is for databases/] },
  { args: ['backup', 'postgres://h/d', '--to', 'v', '--exclude', 'x'], says: [/--exclude is for files/] },
  { args: ['restore'], says: [/missing required argument 'id'/] },
  { args: ['restore', 'latest', '--from', 'v'], says: [/not said where to restore to/, /--target DIR/] },
  {
    args: ['restore', 'latest', '--from', 'v', '--target', 't', '--to', 'postgres://h/d'],
    says: [/exclude each other/],
  },
  { args: ['restore', 'latest', '--from', 'v', '--target', 't', '--table', 'x'], says: [/--table chooses tables/] },
  { args: ['restore', 'latest', '--from', 'v', '--to', 'postgres://h/d', '--dry-run'], says: [/--dry-run/] },
  { args: ['restore', 'latest', '--target', 't'], says: [/no vault is named/, /--from DIR/] },
  { args: ['show', 'latest', '--from', 'v', 'extra'], says: [/too many arguments/] },
  { args: ['forget', '--from', 'v'], says: [/not said what to forget/, /--keep-last/] },
];

for (const { args, says } of wrongLines)
  test(`a wrong command line is told and touches nothing: holdfast ${args.join(' ')}`, async (t) => {
    const folder = await scratchFolder(t);
    await mkdir(join(folder, 'files'));
    await writeFile(join(folder, 'files/a'), 'a');
    await assertFails(args, { status: 1, says }, { cwd: folder });
    assert.deepEqual(await filesIn(folder), ['files/a']);
  });

test('an option that would be passed over in silence is refused: --to beside a configuration', async (t) => {
  const folder = await scratchFolder(t);
  const configuration = {
    stores: { nas: { type: 'local', path: './vault' } },
    vaults: { main: { type: 'archive', store: 'nas' } },
    jobs: { app: { sources: [{ type: 'directory', path: '.' }], vaults: ['main'] } },
  };
  await writeFile(join(folder, 'holdfast.yaml'), JSON.stringify(configuration));
  await assertFails(
    ['backup', '--to', 'elsewhere'],
    { status: 1, says: [/--to is for paths given here/] },
    { cwd: folder },
  );
  assert.deepEqual(await filesIn(folder), ['holdfast.yaml']);
});

/** Runs the command that a backup says restores it. */
function runHint(stdout: string, cwd: string): void {
  const hint = /^Restore it with: {2}holdfast (.*)$/m.exec(stdout)?.[1];
  assert.ok(hint, stdout);
  const program = `'${process.execPath}' '${join(root, 'bin/holdfast.js')}'`;
  const { status, stderr } = spawnSync('sh', ['-c', `${program} ${hint}`], { cwd, encoding: 'utf8' });
  assert.equal(status, 0, `${hint}\n${stderr}`);
}

test('the first backup of a new user prints the command that brings it back, and that command does', async (t) => {
  const folder = await scratchFolder(t);
  await mkdir(join(folder, "my 'docs'"));
  await writeFile(join(folder, "my 'docs'/a b.txt"), 'hello');
  await writeFile(join(folder, 'phrase'), 'a long enough passphrase\n');
  const how = ['--to', './my backups', '--encryption', 'openssl', '--passphrase-file', 'phrase'];
  const { stdout } = await holdfast(['backup', "./my 'docs'", ...how], { cwd: folder });
  assert.match(stdout, /^Done\. /m);
  runHint(stdout, folder);
  assert.equal(await readFile(join(folder, 'restored/a b.txt'), 'utf8'), 'hello');
});

test('so does the command that a configured job prints', async (t) => {
  const folder = await scratchFolder(t);
  await mkdir(join(folder, 'docs'));
  await writeFile(join(folder, 'docs/a.txt'), 'hello');
  const configuration = {
    stores: { nas: { type: 'local', path: './vault' } },
    vaults: { main: { type: 'archive', store: 'nas' } },
    jobs: { app: { sources: [{ type: 'directory', path: './docs' }], vaults: ['main'] } },
  };
  for (const file of ['holdfast.yaml', 'other.yaml']) {
    await writeFile(join(folder, file), JSON.stringify(configuration));
    const { stdout } = await holdfast(['backup', ...(file === 'other.yaml' ? ['--config', file] : [])], {
      cwd: folder,
    });
    runHint(stdout.replace('./restored', `./${file}-restored`), folder);
    assert.deepEqual(await filesIn(join(folder, `${file}-restored`)), ['a.txt']);
  }
});

test('--json prints JSON alone, --quiet nothing, and a failure is JSON with its code', async (t) => {
  const folder = await scratchFolder(t);
  await writeFile(join(folder, 'a'), 'a');
  const json = await holdfast(['backup', 'a', '--to', 'v', '--json'], { cwd: folder });
  for (const line of json.stdout.trim().split('\n')) JSON.parse(line);
  const quiet = await holdfast(['backup', 'a', '--to', 'v', '--quiet'], { cwd: folder });
  assert.equal(quiet.stdout + quiet.stderr, '');
  const failed = await runHoldfast(['show', 'zzz', '--from', 'v', '--json'], { cwd: folder });
  const { error } = JSON.parse(failed.stderr) as { error: { code: string; hint: string } };
  assert.equal(error.code, 'vault/not-found');
  assert.ok(error.hint);
});
