import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { systemClock } from '../base/clock.ts';
import { silentLogger } from '../base/log.ts';
import { joinTrees } from './join-trees.ts';
import { openSources } from './open-sources.ts';
import type { Need, Problem, Source } from './source.ts';

let scratch = '';
const context = { signal: new AbortController().signal, logger: silentLogger, clock: systemClock };

before(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'holdfast-join-'));
  for (const folder of ['b/data', 'b-x', 'a/logs']) await mkdir(join(scratch, folder), { recursive: true });
  await writeFile(join(scratch, 'b/data/one.txt'), 'one');
  await writeFile(join(scratch, 'a/logs/two.log'), 'two');
  await writeFile(join(scratch, 'b-x/three'), 'three');
  await symlink('one.txt', join(scratch, 'b/data/link'));
});
after(() => rm(scratch, { recursive: true }));

const open = (...folders: string[]): Promise<Source[]> =>
  openSources(
    {
      type: 'directories',
      name: 'all',
      directories: folders.map((folder) => ({ type: 'directory', path: join(scratch, folder) })),
    },
    context,
  );

test('several folders are one tree, each under its absolute path, folders before what is in them, in byte order', async () => {
  const [source] = await open('b/data', 'a/logs', 'b-x');
  assert.ok(source);
  const problems: Problem[] = [];
  const reading = source.read({ ...context, onProblem: (problem) => problems.push(problem) });
  const paths: string[] = [];
  for await (const entry of reading.entries) {
    paths.push(entry.path.toString());
    if (entry.open) for await (const chunk of entry.open(context.signal)) assert.ok(chunk.length > 0);
  }
  const base = scratch.slice(1);
  const above = base.split('/').map((_, index, all) => all.slice(0, index + 1).join('/'));
  const below = ['a', 'a/logs', 'a/logs/two.log', 'b', 'b/data', 'b/data/link', 'b/data/one.txt', 'b-x', 'b-x/three'];
  assert.deepEqual(paths, ['', ...above, ...below.map((path) => `${base}/${path}`)]);
  assert.deepEqual(problems, []);
  assert.deepEqual(await source.estimate?.(context.signal), { files: 3, bytes: 11 });
  assert.ok(reading.details());
});

test('what is needed of a file is asked by the paths of the joined tree, for the files and in their order', async () => {
  const [source] = await open('b-x', 'a/logs');
  assert.ok(source);
  const asked: string[] = [];
  const needs = async ({ path }: { readonly path: Buffer }): Promise<Need> =>
    asked.push(path.toString()) > 1 ? 'content' : 'facts';
  const reading = source.read({ ...context, onProblem: () => assert.fail(), needs });
  const files = (await Array.fromAsync(reading.entries)).filter(({ type }) => type === 'file');
  const base = scratch.slice(1);
  assert.deepEqual(
    asked,
    ['a/logs/two.log', 'b-x/three'].map((path) => `${base}/${path}`),
  );
  assert.deepEqual(
    files.map((file) => 'open' in file),
    [false, true],
  );
});

test('a folder that is named twice, or lies within another, is refused', async () => {
  await assert.rejects(open('b', 'b'), { code: 'source/bad-address' });
  await assert.rejects(open('b/data', 'b'), { code: 'source/bad-address' });
});

test('the root of the file system takes no second folder beside it', async () => {
  const [source] = await open('b');
  assert.ok(source);
  assert.throws(
    () =>
      joinTrees('x', [
        { folder: '', source },
        { folder: 'b', source },
      ]),
    { code: 'source/bad-address' },
  );
});

test('a folder that is not there is told, stands for what is unread, and the others are read; with none left it throws', async () => {
  const [source] = await open('b/data', 'gone', 'b-x');
  assert.ok(source);
  assert.deepEqual(
    source.absent?.map(({ code }) => code),
    ['source/not-found'],
  );
  const gone = join(scratch, 'gone').slice(1);
  assert.deepEqual(
    source.paths,
    ['b/data', 'gone', 'b-x'].map((folder) => join(scratch, folder)),
  );
  const problems: Problem[] = [];
  const reading = source.read({ ...context, onProblem: (problem) => problems.push(problem) });
  const entries = await Array.fromAsync(reading.entries);
  assert.deepEqual(
    entries.filter(({ unread }) => unread).map(({ path }) => path.toString()),
    [gone],
  );
  assert.equal(entries.filter(({ type }) => type === 'file').length, 2);
  assert.deepEqual(
    problems.map(({ path, kind }) => [path, kind]),
    [[gone, 'vanished']],
  );
  assert.deepEqual(await source.estimate?.(context.signal), { files: 2, bytes: 8 });
  await assert.rejects(open('gone', 'lost'), { code: 'source/not-found' });
});
