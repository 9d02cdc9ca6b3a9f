import assert from 'node:assert/strict';
import { appendFileSync, linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { systemClock } from '../../src/base/clock.ts';
import { silentLogger as logger } from '../../src/base/log.ts';
import { openDirectorySource } from '../../src/source/directory/index.ts';
import type { Problem, Source, SourceEntry } from '../../src/source/index.ts';
import { joinTrees } from '../../src/source/join-trees.ts';
import { MemoryStore } from '../../src/store/index.ts';
import { RepositoryVault } from '../../src/vault/repository/index.ts';

const signal = new AbortController().signal;

interface Saved {
  readonly contents: Readonly<Record<string, string>>;
  readonly problems: readonly string[];
  /** Which files were left to the threads. */
  readonly inPlace: readonly string[];
}

/** Backs `source` up; `meddle` acts between the finding of a file and its reading by a thread. */
async function save(source: Source, meddle: (path: string) => void): Promise<Saved> {
  const vault = new RepositoryVault(
    { type: 'repository', password: 'x' },
    { name: 'test', store: new MemoryStore(systemClock), clock: systemClock, logger, kdf: { N: 1024, r: 8, p: 1 } },
  );
  const problems: Problem[] = [];
  const inPlace: string[] = [];
  const { type, name, shape, paths } = source;
  const point = await vault.write(
    {
      job: 'j',
      runId: '0'.repeat(32),
      startedAt: new Date(0),
      source: { type, name, shape, paths },
      host: 'h',
      tags: [],
    },
    async (writer) => {
      const { needs } = writer;
      assert.ok(needs);
      const reading = source.read({ signal, logger, needs, onProblem: (problem) => problems.push(problem) });
      for await (const entry of reading.entries) {
        const path = entry.path.toString();
        if (entry.inPlace) inPlace.push(path);
        meddle(path);
        await writer.add(entry);
      }
      return { details: reading.details(), problems };
    },
    signal,
  );
  const contents: Record<string, string> = {};
  for await (const entry of vault.read(point, signal)) {
    if (entry.type === 'file') contents[entry.path.toString()] = await textOf(entry);
  }
  await vault.close();
  return { contents, inPlace, problems: problems.map(({ kind, path }) => `${kind} ${path}`) };
}

async function textOf(entry: SourceEntry): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of entry.open?.(signal) ?? []) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString();
}

describe('small files that a repository reads where they are', () => {
  const dir = mkdtempSync(join(tmpdir(), 'holdfast-in-place-'));
  after(() => rmSync(dir, { recursive: true, force: true }));
  test('come as they are when they are read, though that is not as they were found', async () => {
    mkdirSync(join(dir, 'changing/sub'), { recursive: true });
    const at = (name: string): string => join(dir, 'changing', name);
    for (const name of ['a-same', 'b-longer', 'c-gone', 'd-link', 'e-large', 'sub/f-other', 'sub/g-same'])
      writeFileSync(at(name), `${name} before`);
    const large = 'x'.repeat(3 * 2 ** 20);
    const acts: Readonly<Record<string, () => void>> = {
      'b-longer': () => appendFileSync(at('b-longer'), ' and after'),
      'c-gone': () => rmSync(at('c-gone')),
      'd-link': () => {
        rmSync(at('d-link'));
        symlinkSync('a-same', at('d-link'));
      },
      'e-large': () => writeFileSync(at('e-large'), large),
      'sub/f-other': () => writeFileSync(at('sub/f-other'), 'sub/f-other AFTER!'),
    };
    const source = await openDirectorySource({ type: 'directory', path: join(dir, 'changing') });
    const { contents, problems, inPlace } = await save(source, (path) => acts[path]?.());
    assert.equal(inPlace.length, 7);
    assert.deepEqual(contents, {
      'a-same': 'a-same before',
      'b-longer': 'b-longer before and after',
      'e-large': large,
      'sub/f-other': 'sub/f-other AFTER!',
      'sub/g-same': 'sub/g-same before',
    });
    assert.deepEqual(problems.toSorted(), ['vanished c-gone', 'vanished d-link']);
  });

  test('are not those with other names or holes, nor empty ones', async () => {
    const root = join(dir, 'others');
    mkdirSync(root);
    writeFileSync(join(root, 'plain'), 'plain');
    writeFileSync(join(root, 'empty'), '');
    writeFileSync(join(root, 'one'), 'linked');
    linkSync(join(root, 'one'), join(root, 'two'));
    const source = await openDirectorySource({ type: 'directory', path: root });
    const { contents, inPlace } = await save(source, () => {});
    assert.deepEqual(inPlace, ['plain']);
    assert.equal(contents['empty'], '');
    assert.equal(contents['one'], 'linked');
  });

  test('keep their path in a joined tree', async () => {
    const root = join(dir, 'joined');
    mkdirSync(root);
    writeFileSync(join(root, 'file'), 'before');
    const source = await openDirectorySource({ type: 'directory', path: root });
    const joined = joinTrees('joined', [{ folder: 'some/folder', source }]);
    const { contents, inPlace } = await save(joined, (path) => {
      if (path.endsWith('file')) writeFileSync(join(root, 'file'), 'and after');
    });
    assert.deepEqual(inPlace, ['some/folder/file']);
    assert.deepEqual(contents, { 'some/folder/file': 'and after' });
  });
});
