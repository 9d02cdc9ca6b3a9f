import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { silentLogger } from '../../src/base/log.ts';
import { openDirectorySource } from '../../src/source/directory/index.ts';
import type { FileState, Need, Problem, SourceEntry } from '../../src/source/index.ts';
import { testSource } from '../../src/source/testing/test-source.ts';
import { makeOddTree } from '../fixtures/odd-tree.ts';

const signal = new AbortController().signal;
const MiB = 2 ** 20;

testSource('a directory', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'holdfast-directory-'));
  await makeOddTree(join(dir, 'odd'));
  const source = await openDirectorySource({ type: 'directory', path: join(dir, 'odd') });
  return { source, close: async () => rmSync(dir, { recursive: true, force: true }) };
});

/** Reads all, and lets `meddle` act when the first chunk of a file, or an entry without content, has come. */
async function readAll(path: string, meddle: (entry: SourceEntry) => void = () => {}) {
  const problems: Problem[] = [];
  const source = await openDirectorySource({ type: 'directory', path });
  const contents = new Map<string, Buffer>();
  const read = source.read({ signal, logger: silentLogger, onProblem: (problem) => problems.push(problem) });
  for await (const entry of read.entries) {
    const chunks: Uint8Array[] = [];
    if (!entry.open) meddle(entry);
    for await (const chunk of entry.open?.(signal) ?? []) {
      if (chunks.push(Buffer.from(chunk)) === 1) meddle(entry);
    }
    contents.set(entry.path.toString(), Buffer.concat(chunks));
  }
  return { contents, problems: problems.map(({ kind, path: at }) => `${kind} ${at}`) };
}
const onFile =
  (name: string, act: () => void) =>
  ({ path }: SourceEntry): void => {
    if (path.toString() === name) act();
  };

describe('reading a directory', () => {
  let dir: string;
  before(() => (dir = mkdtempSync(join(tmpdir(), 'holdfast-reading-'))));
  after(() => rmSync(dir, { recursive: true, force: true }));
  const fresh = (name: string): string => {
    mkdirSync(join(dir, name));
    return join(dir, name);
  };

  test('a missing path and a path through a file are source/not-found', async () => {
    const root = fresh('missing');
    writeFileSync(join(root, 'file'), '');
    for (const path of [join(root, 'nowhere'), join(root, 'file/below')])
      await assert.rejects(openDirectorySource({ type: 'directory', path }), { code: 'source/not-found' });
  });

  test('a single file is a tree of its directory and itself', async () => {
    const root = fresh('single');
    writeFileSync(join(root, 'one'), 'content');
    writeFileSync(join(root, 'other'), '');
    const { contents } = await readAll(join(root, 'one'));
    assert.deepEqual([...contents.keys()], ['', 'one']);
    assert.equal(contents.get('one')?.toString(), 'content');
  });

  test('a file that grows while it is read is cut at the size it had, and reported', async () => {
    const root = fresh('grows');
    writeFileSync(join(root, 'f'), Buffer.alloc(5 * MiB, 1));
    const { contents, problems } = await readAll(
      root,
      onFile('f', () => appendFileSync(join(root, 'f'), 'more')),
    );
    assert.deepEqual(problems, ['grew f']);
    assert.ok(contents.get('f')?.equals(Buffer.alloc(5 * MiB, 1)));
  });

  test('a file that shrinks while it is read is filled up with zeros, and reported', async () => {
    const root = fresh('shrinks');
    writeFileSync(join(root, 'f'), Buffer.alloc(5 * MiB, 1));
    const { contents, problems } = await readAll(
      root,
      onFile('f', () => truncateSync(join(root, 'f'), 3 * MiB)),
    );
    assert.deepEqual(problems, ['shrank f']);
    assert.ok(contents.get('f')?.equals(Buffer.concat([Buffer.alloc(3 * MiB, 1), Buffer.alloc(2 * MiB)])));
  });

  test('a file that is written to while it is read is reported as changed', async () => {
    const root = fresh('changes');
    writeFileSync(join(root, 'f'), Buffer.alloc(2 * MiB));
    const { problems } = await readAll(
      root,
      onFile('f', () => utimesSync(join(root, 'f'), 1, 1)),
    );
    assert.deepEqual(problems, ['changed f']);
  });

  test('a file that is removed while it is read comes whole, and without a problem', async () => {
    const root = fresh('removed');
    writeFileSync(join(root, 'f'), Buffer.alloc(5 * MiB, 1));
    const { contents, problems } = await readAll(
      root,
      onFile('f', () => unlinkSync(join(root, 'f'))),
    );
    assert.deepEqual(problems, []);
    assert.ok(contents.get('f')?.equals(Buffer.alloc(5 * MiB, 1)));
  });

  test('what is gone before its turn is reported as vanished and not yielded', async () => {
    const root = fresh('vanishes');
    writeFileSync(join(root, 'large'), Buffer.alloc(MiB));
    mkdirSync(join(root, 'directory'));
    writeFileSync(join(root, 'directory/small'), 'x');
    const { contents, problems } = await readAll(
      root,
      onFile('directory', () => {
        unlinkSync(join(root, 'large'));
        unlinkSync(join(root, 'directory/small'));
      }),
    );
    assert.deepEqual(problems, ['vanished directory/small', 'vanished large']);
    assert.deepEqual([...contents.keys()], ['', 'directory']);
  });

  test('a fifo that takes a file’s place does not hang the reading', async () => {
    const root = fresh('fifo');
    mkdirSync(join(root, 'a'));
    writeFileSync(join(root, 'large'), Buffer.alloc(MiB));
    const { problems } = await readAll(
      root,
      onFile('a', () => {
        unlinkSync(join(root, 'large'));
        execFileSync('mkfifo', [join(root, 'large')]);
      }),
    );
    assert.deepEqual(problems, ['vanished large']);
  });

  test('what its user may not read is reported by name, and the rest comes', async () => {
    const root = fresh('unreadable');
    execFileSync('chmod', ['755', dir, root]);
    writeFileSync(join(root, 'open'), 'x');
    writeFileSync(join(root, 'secret'), 'x', { mode: 0o600 });
    mkdirSync(join(root, 'locked'), { mode: 0o700 });
    const script = `
      const { openDirectorySource } = await import(${JSON.stringify(join(import.meta.dirname, '../../src/source/directory/index.ts'))});
      const source = await openDirectorySource({ type: 'directory', path: ${JSON.stringify(root)} });
      const signal = new AbortController().signal;
      const lines = [];
      const onProblem = ({ kind, path }) => lines.push(kind + ' ' + path);
      for await (const { path } of source.read({ signal, logger: console, onProblem }).entries) lines.push(path.toString());
      process.stdout.write(JSON.stringify(lines));`;
    const nobody = [
      '--reuid',
      '65534',
      '--regid',
      '65534',
      '--clear-groups',
      process.execPath,
      '--input-type=module',
      '-e',
      script,
    ];
    const lines = JSON.parse(
      execFileSync('setpriv', nobody, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }),
    );
    assert.deepEqual(lines.sort(), ['', 'locked', 'open', 'unreadable locked', 'unreadable secret']);
  });

  test('an extended attribute whose name is not UTF-8 is reported, and the others come', async () => {
    const path = fresh('attributes');
    writeFileSync(join(path, 'file'), 'x');
    const set = `setfattr -n user.first "$1"; setfattr -n "$(printf 'user.odd\\377')" "$1"; setfattr -n user.last "$1"`;
    execFileSync('sh', ['-c', set, 'sh', join(path, 'file')]);
    const names: string[] = [];
    const { problems } = await readAll(path, ({ extendedAttributes = [] }) => {
      names.push(...extendedAttributes.map(({ name }) => name));
    });
    assert.deepEqual(names.sort(), ['user.first', 'user.last']);
    assert.deepEqual(problems, ['unsupported file']);
  });

  test('of what nothing is needed only the state comes, of what the facts are all but the content', async () => {
    const root = fresh('needs');
    for (const name of ['all', 'facts', 'known']) {
      writeFileSync(join(root, name), name);
      execFileSync('setfattr', ['-n', 'user.test', '-v', 'yes', join(root, name)]);
    }
    const source = await openDirectorySource({ type: 'directory', path: root });
    const answers: Record<string, Need> = { all: 'content', facts: 'facts', known: 'nothing' };
    const needs = ({ path, inode, ctimeNs, deviceId, sizeBytes, user }: FileState): Need => {
      assert.ok(inode && ctimeNs && deviceId && sizeBytes && user);
      return answers[path.toString()] ?? 'content';
    };
    const reading = source.read({ signal, logger: silentLogger, onProblem: () => assert.fail(), needs });
    const seen: unknown[] = [];
    for await (const entry of reading.entries) {
      if (entry.type !== 'file') continue;
      const { path, content, extendedAttributes, asBefore, sizeBytes } = entry;
      seen.push([
        path.toString(),
        content?.toString(),
        'open' in entry,
        extendedAttributes?.length,
        asBefore,
        sizeBytes,
      ]);
    }
    assert.deepEqual(seen, [
      ['all', 'all', true, 1, undefined, 3],
      ['facts', undefined, false, 1, undefined, 5],
      ['known', undefined, false, undefined, true, 5],
    ]);
  });

  test('a directory of many files of all sizes comes complete', async () => {
    const root = fresh('many');
    for (let index = 0; index < 20_000; index += 1)
      writeFileSync(join(root, `f${index}`), index % 1000 === 0 ? Buffer.alloc(MiB, index) : `${index}`);
    const { contents, problems } = await readAll(root);
    assert.deepEqual(problems, []);
    assert.equal(contents.size, 20_001);
    assert.equal(contents.get('f19999')?.toString(), '19999');
    assert.ok(contents.get('f19000')?.equals(Buffer.alloc(MiB, 19_000)));
  });
});
