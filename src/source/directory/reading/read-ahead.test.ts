import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { collect, MiB } from '../../../base/bytes.ts';
import { silentLogger } from '../../../base/log.ts';
import type { Need, Problem, SourceEntry } from '../../source.ts';
import { type DirectorySourceSpec, openDirectorySource } from '../open-directory-source.ts';
import { inLatin1 } from '../place.ts';
import { canReadAhead, type Inside, prepareToReadAhead, ReadAhead } from './read-ahead.ts';
import { statPlace } from './stat-calls.ts';

const skip = !canReadAhead() && 'no thread can read ahead here';

let tree = '';
beforeEach(() => {
  tree = mkdtempSync(join(tmpdir(), 'holdfast-ahead-'));
});
afterEach(() => rmSync(tree, { recursive: true }));

interface Told {
  readonly entries: readonly (Omit<SourceEntry, 'open' | 'content' | 'inPlace'> & { readonly text: string })[];
  readonly problems: readonly Problem[];
}

interface Reading {
  readonly thread: boolean;
  readonly need?: Need;
  /** Called with each entry, before the next is asked for. */
  readonly onEntry?: (path: string) => Promise<void> | void;
}

const { signal } = new AbortController();

async function read(spec: Partial<DirectorySourceSpec>, { thread, need = 'content', onEntry }: Reading): Promise<Told> {
  const options = { namesBeforeThread: thread ? 1 : Infinity };
  const source = await openDirectorySource({ type: 'directory', path: tree, ...spec }, options);
  const problems: Problem[] = [];
  const reading = source.read({
    signal,
    logger: silentLogger,
    needs: () => need,
    onProblem: (problem) => problems.push(problem),
  });
  const entries: Told['entries'][number][] = [];
  for await (const entry of reading.entries) {
    const text = entry.open ? (await collect(entry.open(signal), 1 << 20)).toString('latin1') : '';
    const { open: _open, content: _content, inPlace: _inPlace, ...facts } = { ...entry, open: undefined };
    entries.push({ ...facts, text });
    await onEntry?.(entry.path.toString('latin1'));
  }
  return { entries, problems };
}

async function sameWithAndWithout(spec: Partial<DirectorySourceSpec> = {}): Promise<Told> {
  const alone = await read(spec, { thread: false });
  assert.deepEqual(await read(spec, { thread: true }), alone);
  // Where the walk is slower than the thread.
  assert.deepEqual(await read(spec, { thread: true, onEntry: () => delay(1) }), alone);
  return alone;
}

function write(path: string, text = path): void {
  mkdirSync(join(tree, path, '..'), { recursive: true });
  writeFileSync(join(tree, path), text);
}

test('a thread ahead of the walk changes nothing of what is told of odd nodes and names', { skip }, async () => {
  for (let folder = 0; folder < 50; folder += 1)
    for (let file = 0; file < 5; file += 1) write(`folder ${folder}/inner ${file % 2}/${file}`);
  for (const name of ['a', 'a-b', 'a.b', 'ä', '%41', 'new\nline', '"quoted"']) write(`odd/${name}/x`);
  const bytes = Buffer.concat([Buffer.from(`${tree}/odd/`), Buffer.from([0xff, 0xfe])]);
  mkdirSync(bytes);
  writeFileSync(Buffer.concat([bytes, Buffer.from([0x2f, 0x80])]), 'bytes');
  mkdirSync(join(tree, 'empty'));
  symlinkSync('odd', join(tree, 'link to a folder'));
  symlinkSync('nowhere', join(tree, 'odd/link'));
  execFileSync('mkfifo', [join(tree, 'odd/fifo')]);
  linkSync(join(tree, 'folder 1/inner 1/1'), join(tree, 'folder 2/second name'));
  const { entries, problems } = await sameWithAndWithout();
  assert.equal(entries.length, 1 + 50 * 8 + 1 + 7 * 2 + 2 + 1 + 1 + 2 + 1);
  assert.deepEqual(problems, []);
});

test('nor of folders with more than the thread has room for, and of deep ones', { skip }, async () => {
  for (let file = 0; file < 600; file += 1) write(`large/${'x'.repeat(100)}${file}`, '');
  for (let folder = 0; folder < 40; folder += 1) write(`wide/${folder}/x`);
  write(`${Array.from({ length: 40 }, (_, depth) => depth).join('/')}/x`);
  for (let depth = 0; depth < 4; depth += 1)
    for (let folder = 0; folder < 40; folder += 1) write(`${'d/'.repeat(depth)}${folder}/x`);
  await sameWithAndWithout();
});

test('nor of what is excluded, marked or chosen', { skip }, async () => {
  for (const path of [
    'keep/a',
    'keep/b.tmp',
    'skip/x',
    'deep/skip/x',
    'deep/other/x',
    'marked/x',
    'ruled/a',
    'ruled/b',
  ])
    write(path);
  write('marked/MARK', '');
  write('ruled/.holdfastignore', 'b\n');
  const spec = { exclude: ['skip/', '*.tmp'], markers: [{ name: 'MARK' }] };
  const { entries } = await sameWithAndWithout(spec);
  const paths = new Set(entries.map(({ path }) => path.toString()));
  assert.ok(paths.has('marked/MARK') && !paths.has('marked/x') && !paths.has('ruled/b'));
  await sameWithAndWithout({ only: ['deep', 'keep/a', 'marked'] });
  await sameWithAndWithout({ include: ['*.tmp'] });
});

/** Reads with the thread, and does something when it has long read what follows "a". */
const meanwhile = (change: () => void, need?: Need): Promise<Told> =>
  read(
    {},
    {
      thread: true,
      ...(need && { need }),
      onEntry: async (path) => {
        if (path !== 'a') return;
        await delay(200);
        change();
      },
    },
  );

const pathsOf = ({ entries }: Told): string[] => entries.map(({ path }) => path.toString());
const kindsOf = ({ problems }: Told): string[] => problems.map(({ path, kind }) => `${path} ${kind}`);

test('what vanishes after the thread has seen it is told to have vanished', { skip }, async () => {
  for (const path of ['a/x', 'b/x', 'b/y', 'c/x']) write(path);
  const told = await meanwhile(() => {
    rmSync(join(tree, 'b/x'));
    rmSync(join(tree, 'c'), { recursive: true });
  });
  assert.deepEqual(pathsOf(told), ['', 'a', 'a/x', 'b', 'b/y']);
  // On a busy machine the thread may have come later, and have seen none of it.
  assert.deepEqual(
    kindsOf(told).filter((kind) => kind !== 'b/x vanished'),
    ['c vanished'],
  );
});

test('the thread tells names and states as they were, and nothing of what it could not read', { skip }, async () => {
  for (const path of ['a/b', 'a/ä', 'a/c/x']) write(path);
  const ahead = new ReadAhead<number>();
  const find = async (location: string): Promise<Inside | undefined> => {
    let inside: Inside | undefined;
    // What the thread has not begun to read it does not read any more.
    for (let key = 0; key < 1000 && !inside; key += 1) {
      ahead.ask(key, Buffer.from(location), 0);
      ahead.begin();
      await delay(20);
      inside = await ahead.take(key);
    }
    return inside;
  };
  const inside = await find(join(tree, 'a'));
  assert.deepEqual(inside?.names, ['b', 'c', inLatin1('ä')]);
  for (const [index, name] of inside.names.entries())
    assert.deepEqual(inside.stats[index], statPlace({ directory: Buffer.from(join(tree, 'a')), name }));
  for (const path of ['nowhere', 'a/b']) {
    ahead.ask(2000, Buffer.from(join(tree, path)), 0);
    ahead.begin();
    await delay(20);
    assert.equal(await ahead.take(2000), undefined);
  }
  assert.equal(await ahead.take(2001), undefined);
  ahead.stop();
});

test(
  'a file that changes after the thread has seen it is read as it is now, with its own metadata',
  { skip },
  async () => {
    for (const path of ['a/x', 'b/x']) write(path);
    const told = await meanwhile(() => writeFileSync(join(tree, 'b/x'), 'longer than it was'));
    const entry = told.entries.find(({ path }) => path.toString() === 'b/x');
    assert.equal(entry?.text, 'longer than it was');
    assert.equal(entry.sizeBytes, entry.text.length);
    assert.equal(entry.mtimeNs, statSync(join(tree, 'b/x'), { bigint: true }).mtimeNs);
    assert.deepEqual(kindsOf(told), []);
  },
);

test(
  'a folder that may not be read is told as without the thread',
  { skip: skip || process.getuid?.() === 0 },
  async () => {
    for (const path of ['a/x', 'b/x', 'c/x']) write(path);
    execFileSync('chmod', ['0', join(tree, 'b')]);
    const { problems } = await sameWithAndWithout();
    execFileSync('chmod', ['700', join(tree, 'b')]);
    assert.deepEqual(problems.length, 1);
  },
);

test('a walk that is given up ends its thread', { skip }, async () => {
  for (let folder = 0; folder < 100; folder += 1) write(`${folder}/x`);
  const source = await openDirectorySource({ type: 'directory', path: tree }, { namesBeforeThread: 1 });
  const reading = source.read({ signal, logger: silentLogger, onProblem: () => {} });
  for await (const entry of reading.entries) if (entry.path.toString() === '10') break;
});

const threads = (): number => readdirSync('/proc/self/task').length;

test('a thread that waits for a walk is gone while that reads a long file', { skip }, async () => {
  writeFileSync(join(tree, 'long'), '');
  truncateSync(join(tree, 'long'), 64 * MiB);
  prepareToReadAhead();
  const before = threads();
  const source = await openDirectorySource({ type: 'directory', path: tree }, {});
  const { entries } = source.read({ signal, logger: silentLogger, onProblem: () => {} });
  for await (const { sizeBytes = 0 } of entries) {
    if (sizeBytes < 64 * MiB) continue;
    for (let tries = 0; threads() >= before && tries < 500; tries += 1) await delay(10);
    assert.ok(threads() < before);
  }
});
