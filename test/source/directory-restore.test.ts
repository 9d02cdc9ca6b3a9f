import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  closeSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { silentLogger } from '../../src/base/log.ts';
import type { RestoreTreeOptions } from '../../src/source/directory/index.ts';
import { openDirectorySource, restoreTree } from '../../src/source/directory/index.ts';
import type { SourceEntry } from '../../src/source/index.ts';
import { compareTrees } from '../fixtures/compare-trees.ts';

const signal = new AbortController().signal;
const GiB = 2 ** 30;
const quiet = { signal, logger: silentLogger, onProblem: () => {} };
const common = { mode: 0o755, uid: 0, gid: 0, mtimeNs: 1_700_000_000_123_456_789n };

const directory = (path: string): SourceEntry => ({ ...common, path: Buffer.from(path), type: 'directory' });
const symlink = (path: string, target: string): SourceEntry => ({
  ...common,
  path: Buffer.from(path),
  type: 'symlink',
  linkTarget: Buffer.from(target),
});
function file(path: string, content = 'restored'): SourceEntry {
  const open = async function* (): AsyncGenerator<Uint8Array> {
    yield Buffer.from(content);
  };
  return { ...common, path: Buffer.from(path), type: 'file', sizeBytes: content.length, open };
}
async function* stream(...entries: readonly (SourceEntry | Error)[]): AsyncGenerator<SourceEntry> {
  for (const entry of entries) {
    if (entry instanceof Error) throw entry;
    yield entry;
  }
}

describe('restoring a directory', () => {
  let dir: string;
  before(() => (dir = mkdtempSync(join(tmpdir(), 'holdfast-restore-'))));
  after(() => rmSync(dir, { recursive: true, force: true }));
  const fresh = (name: string): string => {
    mkdirSync(join(dir, name));
    return join(dir, name);
  };

  test('a restore whose entries fail at their end leaves an existing target as it was, and makes no new one', async () => {
    const target = fresh('fails');
    writeFileSync(join(target, 'mine'), 'mine');
    for (const place of [target, join(dir, 'fails-new')]) {
      const entries = stream(directory(''), file('a'), directory('b'), file('b/c'), new Error('the hash is wrong'));
      await assert.rejects(restoreTree(entries, place, quiet), { code: 'source/restore-failed' });
    }
    assert.deepEqual(readdirSync(target), ['mine']);
    assert.equal(
      readdirSync(dir).some((name) => name.startsWith('fails-new')),
      false,
    );
  });

  test('an abort half-way leaves nothing behind, and is thrown as it was given', async () => {
    const target = fresh('aborted');
    const abort = new AbortController();
    const reason = new Error('stop');
    const onProgress: RestoreTreeOptions['onProgress'] = ({ entries }) => {
      if (entries === 2) abort.abort(reason);
    };
    const restore = restoreTree(stream(directory(''), file('a'), file('b')), target, {
      ...quiet,
      signal: abort.signal,
      onProgress,
    });
    await assert.rejects(restore, (error) => error === reason);
    assert.deepEqual(readdirSync(target), []);
  });

  test('by default what exists is protected: nothing is touched, and the first names and the count are told', async () => {
    const target = fresh('protected');
    writeFileSync(join(target, 'a'), 'mine');
    const entries = stream(directory(''), file('a'), file('new'));
    await assert.rejects(restoreTree(entries, target, quiet), {
      code: 'source/target-exists',
      message: /^1 entries exist.*: a\./,
    });
    assert.deepEqual(readdirSync(target), ['a']);
    assert.equal(readFileSync(join(target, 'a'), 'utf8'), 'mine');
  });

  test('always replaces files and symlinks, and keeps what the restore point does not hold', async () => {
    const target = fresh('always');
    const outside = join(dir, 'outside-always');
    writeFileSync(outside, 'outside');
    mkdirSync(join(target, 'd'));
    writeFileSync(join(target, 'd/a'), 'mine');
    writeFileSync(join(target, 'd/kept'), 'kept');
    symlinkSync(outside, join(target, 'link'));
    const entries = stream(directory(''), directory('d'), file('d/a'), file('link'));
    await restoreTree(entries, target, { ...quiet, overwrite: 'always' });
    assert.deepEqual(readdirSync(target).sort(), ['d', 'link']);
    assert.equal(readFileSync(join(target, 'd/a'), 'utf8'), 'restored');
    assert.equal(readFileSync(join(target, 'd/kept'), 'utf8'), 'kept');
    assert.ok(lstatSync(join(target, 'link')).isFile());
    assert.equal(readFileSync(outside, 'utf8'), 'outside');
    assert.equal(lstatSync(join(target, 'd'), { bigint: true }).mtimeNs, common.mtimeNs);
  });

  test('if-changed leaves files alone that are there with the same size and time', async () => {
    const target = fresh('if-changed');
    await restoreTree(stream(directory(''), file('same'), file('other')), target, quiet);
    const inode = statSync(join(target, 'same')).ino;
    writeFileSync(join(target, 'other'), 'was changed');
    const again = stream(directory(''), file('same'), file('other'));
    const { unchanged } = await restoreTree(again, target, { ...quiet, overwrite: 'if-changed' });
    assert.equal(unchanged, 1);
    assert.equal(statSync(join(target, 'same')).ino, inode);
    assert.equal(readFileSync(join(target, 'other'), 'utf8'), 'restored');
  });

  const hostile: readonly (readonly [string, readonly SourceEntry[]])[] = [
    ['"..", as the path', [file('..')]],
    ['".." within a path', [file('a/../../escaped')]],
    ['an absolute path', [file('/escaped')]],
    ['an empty segment', [file('a//b')]],
    ['a NUL', [file('a\0b')]],
    ['a path through a symlink restored before', [symlink('link', '..'), file('link/escaped')]],
    [
      'a directory through a symlink restored before',
      [symlink('link', '/tmp'), directory('link'), file('link/escaped')],
    ],
    ['a file with the name of a symlink', [symlink('link', '../escaped'), file('link')]],
    ['a hard link to the outside', [{ ...file('hard'), hardLinkTo: Buffer.from('../escaped') }]],
    ['a root that is a symlink', [symlink('', '/tmp')]],
  ];
  for (const [index, [what, entries]] of hostile.entries())
    test(`is refused, and writes nothing outside: ${what}`, async () => {
      const parent = fresh(`hostile-${index}`);
      writeFileSync(join(parent, 'marker'), '');
      const restore = restoreTree(stream(directory(''), ...entries), join(parent, 'target'), quiet);
      await assert.rejects(restore, { code: 'source/unsafe-path' });
      assert.deepEqual(readdirSync(parent), ['marker']);
    });

  test('a symlink in the target is not followed: what lies behind it stays', async () => {
    const target = fresh('symlinked');
    const outside = fresh('symlinked-outside');
    symlinkSync(outside, join(target, 'd'));
    const entries = [directory(''), directory('d'), file('d/f')];
    await assert.rejects(restoreTree(stream(...entries), target, quiet), { code: 'source/target-exists' });
    await restoreTree(stream(...entries), target, { ...quiet, overwrite: 'always' });
    assert.deepEqual(readdirSync(outside), []);
    assert.ok(lstatSync(join(target, 'd')).isDirectory());
  });

  test('content that is shorter or longer than recorded fails the restore', async () => {
    for (const sizeBytes of [7, 9]) {
      const restore = restoreTree(stream(directory(''), { ...file('f'), sizeBytes }), join(dir, 'wrong-size'), quiet);
      await assert.rejects(restore, { code: 'source/restore-failed' });
    }
    assert.equal(existsSync(join(dir, 'wrong-size')), false);
  });

  test('selected entries come with the directories that lead there', async () => {
    const target = join(dir, 'deep/new/selected');
    const entries = stream(directory(''), directory('a'), directory('a/b'), file('a/b/c'), file('a/d'));
    await restoreTree(entries, target, { ...quiet, select: ({ path }) => path.toString() === 'a/b/c' });
    assert.deepEqual(
      readdirSync(target, { recursive: true, encoding: 'utf8' }).toSorted((one, other) => (one < other ? -1 : 1)),
      ['a', 'a/b', 'a/b/c'],
    );
  });

  test('a full disk is source/target-full, and leaves the target as it was', async () => {
    const mount = fresh('full');
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', mount]);
    try {
      writeFileSync(join(mount, 'mine'), 'mine');
      const entries = stream(directory(''), file('small'), file('large', 'x'.repeat(2 ** 21)));
      await assert.rejects(restoreTree(entries, mount, quiet), { code: 'source/target-full' });
      assert.deepEqual(readdirSync(mount), ['mine']);
      execFileSync('mount', ['-o', 'remount,ro', mount]);
      const again = restoreTree(stream(directory(''), file('small')), mount, quiet);
      await assert.rejects(again, { code: 'source/target-not-writable' });
    } finally {
      execFileSync('umount', [mount]);
    }
  });

  test('oneFileSystem keeps a mount point and leaves out what is mounted there', async () => {
    const root = fresh('mounts');
    mkdirSync(join(root, 'mounted'));
    execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', join(root, 'mounted')]);
    try {
      writeFileSync(join(root, 'mounted/other'), '');
      const source = await openDirectorySource({ type: 'directory', path: root, oneFileSystem: true });
      const entries = await Array.fromAsync(source.read(quiet).entries);
      assert.deepEqual(
        entries.map(({ path }) => path.toString()),
        ['', 'mounted'],
      );
    } finally {
      execFileSync('umount', [join(root, 'mounted')]);
    }
  });

  test('a sparse file of 5 GiB goes both ways as holes', async () => {
    const from = fresh('sparse');
    const fd = openSync(join(from, 'f'), 'w');
    const offsets = [0, GiB + 4096, 5 * GiB - 8192];
    for (const offset of offsets) writeSync(fd, Buffer.alloc(4096, 7), 0, 4096, offset);
    closeSync(fd);
    truncateSync(join(from, 'f'), 5 * GiB);
    const source = await openDirectorySource({ type: 'directory', path: from });
    await restoreTree(source.read(quiet).entries, join(dir, 'sparse-restored'), quiet);
    const [before, after] = [from, join(dir, 'sparse-restored')].map((path) => statSync(join(path, 'f')));
    assert.equal(after?.size, 5 * GiB);
    // What a file system stores beside the data is its own affair, and comes when it likes.
    assert.ok(Math.abs((after?.blocks ?? NaN) - (before?.blocks ?? NaN)) * 512 <= 65_536, `${after?.blocks} blocks`);
    const restored = openSync(join(dir, 'sparse-restored/f'), 'r');
    for (const offset of offsets) {
      const data = Buffer.alloc(4096);
      readSync(restored, data, 0, 4096, offset);
      assert.ok(data.equals(Buffer.alloc(4096, 7)));
    }
    closeSync(restored);
  });

  test('without root, owners are reported once with their count, setuid is not given, and the rest is right', async () => {
    const parent = fresh('nobody');
    execFileSync('chmod', ['755', dir]);
    execFileSync('chmod', ['777', parent]);
    const modules = JSON.stringify(join(import.meta.dirname, '../../src/source/directory/index.ts'));
    const script = `
      const { restoreTree } = await import(${modules});
      const common = { uid: 1, gid: 1, mtimeNs: 1700000000123456789n };
      async function* entries() {
        yield { ...common, path: Buffer.from(''), type: 'directory', mode: 0o755 };
        yield { ...common, path: Buffer.from('read-only'), type: 'directory', mode: 0o555 };
        yield { ...common, path: Buffer.from('read-only/setuid'), type: 'file', mode: 0o4755, sizeBytes: 0 };
      }
      const problems = [];
      const options = { signal: new AbortController().signal, logger: console, onProblem: (problem) => problems.push(problem) };
      const result = await restoreTree(entries(), process.argv[1], options);
      process.stdout.write(JSON.stringify({ ...result, problems }));`;
    for (const name of ['new', 'existing']) {
      const target = join(parent, name);
      if (name === 'existing') {
        mkdirSync(target);
        execFileSync('chmod', ['777', target]);
        writeFileSync(join(target, 'mine'), '');
      }
      const user = ['--reuid', '65534', '--regid', '65534', '--clear-groups', process.execPath];
      const args = [...user, '--input-type=module', '-e', script, target];
      const answer = JSON.parse(
        execFileSync('setpriv', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }),
      );
      assert.equal(answer.ownersNotRestored, name === 'new' ? 3 : 2);
      assert.deepEqual(
        answer.problems.map(({ kind }: { kind: string }) => kind),
        ['owner'],
      );
      const restored = lstatSync(join(target, 'read-only/setuid'), { bigint: true });
      assert.equal(restored.mode & 0o7777n, 0o755n);
      assert.equal(restored.mtimeNs, common.mtimeNs);
      assert.equal(lstatSync(join(target, 'read-only')).mode & 0o7777, 0o555);
    }
  });

  test('without node:ffi, what is lost is told: attributes when read, times beyond the microsecond when restored', async () => {
    const root = fresh('no-ffi');
    writeFileSync(join(root, 'f'), 'x');
    execFileSync('touch', ['-d', '@1700000000.123456789', join(root, 'f'), root]);
    const modules = JSON.stringify(join(import.meta.dirname, '../../src/source/directory/index.ts'));
    const script = `
      const { openDirectorySource, restoreTree } = await import(${modules});
      const problems = [];
      const logger = { debug() {}, info() {}, warn() {}, error() {} };
      const options = { signal: new AbortController().signal, logger, onProblem: (problem) => problems.push(problem.kind) };
      const source = await openDirectorySource({ type: 'directory', path: process.argv[1] });
      const reading = source.read(options);
      await restoreTree(reading.entries, process.argv[1] + '-restored', options);
      process.stdout.write(JSON.stringify({ problems, notes: reading.details().notes.length }));`;
    const args = ['--no-experimental-ffi', '--input-type=module', '-e', script, root];
    const answer = JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' }));
    assert.deepEqual(answer, { problems: ['time'], notes: 1 });
    assert.equal(statSync(join(`${root}-restored`, 'f'), { bigint: true }).mtimeNs / 1000n, 1_700_000_000_123_456n);
  });

  test('20 000 files of all sizes come back equal', async () => {
    const from = fresh('many');
    for (let index = 0; index < 20_000; index += 1) {
      if (index % 100 === 0) mkdirSync(join(from, `d${index / 100}`));
      const data = index % 1000 === 0 ? Buffer.alloc(3 * 2 ** 20 + index, index) : Buffer.alloc(index % 5000, index);
      writeFileSync(join(from, `d${Math.floor(index / 100)}/f${index}`), data);
    }
    const source = await openDirectorySource({ type: 'directory', path: from });
    const { files } = await restoreTree(source.read(quiet).entries, join(dir, 'many-restored'), quiet);
    assert.equal(files, 20_000);
    assert.deepEqual(await compareTrees(from, join(dir, 'many-restored')), []);
  });

  test('a compared tree that differs in one attribute is told apart', async () => {
    const changes = [
      'chmod 600 f',
      'chown 5 f',
      'touch -d @1.000000001 f',
      'setfattr -n user.a -v b f',
      'echo >> f',
      'ln f g',
      'rm f',
    ];
    for (const change of changes) {
      const parent = mkdtempSync(join(dir, 'compared-'));
      for (const name of ['a', 'b']) {
        mkdirSync(join(parent, name));
        writeFileSync(join(parent, name, 'f'), 'x');
        execFileSync('touch', ['-d', '@1700000000', join(parent, name, 'f'), join(parent, name)]);
      }
      assert.deepEqual(await compareTrees(join(parent, 'a'), join(parent, 'b')), []);
      execFileSync('sh', ['-c', change], { cwd: join(parent, 'b') });
      assert.notDeepEqual(await compareTrees(join(parent, 'a'), join(parent, 'b')), [], change);
    }
  });
});
