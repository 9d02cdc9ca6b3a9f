import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chownSync, closeSync, mkdirSync, mkdtempSync, openSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { linkSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { findNativeFs } from '../native-fs.ts';
import { placeOf } from '../place.ts';
import { findStatCalls, nodeStatCalls } from './stat-calls.ts';

let dir = '';
before(() => {
  dir = mkdtempSync(join(tmpdir(), 'holdfast-stat-'));
});
after(() => rmSync(dir, { recursive: true }));

const native = findStatCalls();
const skip = native === nodeStatCalls && 'no node:ffi, or a C library without these calls';
const asRoot = process.getuid?.() !== 0 && 'needs root';

const at = (name: string): string => join(dir, name);
const byName = (a: { name: string }, b: { name: string }): number => (a.name < b.name ? -1 : 1);

const both = (path: string): void => {
  const place = placeOf(Buffer.from(path));
  assert.deepEqual(native.lstat(place), nodeStatCalls.lstat(place), path);
};

test('what the C library tells of every kind of node is what Node.js tells', { skip }, () => {
  writeFileSync(at('file'), 'x');
  linkSync(at('file'), at('second name'));
  truncateSync(at('file'), 5 * 2 ** 32 + 7);
  mkdirSync(at('folder'), { mode: 0o1751 });
  symlinkSync('nowhere', at('link'));
  execFileSync('mkfifo', [at('fifo')]);
  for (const name of ['', 'file', 'folder', 'link', 'fifo']) both(at(name));
  for (const path of ['/', '/dev/null', '/dev/tty', '/proc/self/stat', '/proc', process.execPath]) both(path);
  assert.equal(native.lstat(placeOf(Buffer.from(at('file')))).sizeBytes, 5 * 2 ** 32 + 7);
  const fd = openSync(at('file'), 'r');
  assert.deepEqual(native.fstat(fd), nodeStatCalls.fstat(fd));
  closeSync(fd);
});

test('times before 1970, beyond 2038 and beyond 2262 are the same to the nanosecond', { skip }, () => {
  const path = join(dir, 'old');
  writeFileSync(path, '');
  for (const time of ['@-1.000000001', '@-2147483648.5', '@0', '@4294967296.999999999', '@9300000000.123456789']) {
    execFileSync('touch', ['-d', time, path]);
    both(path);
  }
});

test('owners beyond 2^31 and modes with setuid and sticky are the same', { skip: skip || asRoot }, () => {
  const path = join(dir, 'owned');
  writeFileSync(path, '');
  chownSync(path, 4_294_967_294, 3_000_000_000);
  execFileSync('chmod', ['6751', path]);
  both(path);
  const { uid, gid, mode } = native.lstat(placeOf(Buffer.from(path)));
  assert.deepEqual([uid, gid, mode], [4_294_967_294, 3_000_000_000, 0o6751]);
});

test('block and character devices have their numbers', { skip: skip || asRoot }, (t) => {
  const path = join(dir, 'device');
  try {
    execFileSync('mknod', [path, 'b', '259', '70000'], { stdio: 'ignore' });
  } catch {
    t.skip('no devices can be made here');
    return;
  }
  both(path);
  assert.notEqual(native.lstat(placeOf(Buffer.from(path))).device, 0n);
});

test('a node is asked for by its directory and its name, whatever was asked for before', { skip }, () => {
  const name = Buffer.from([0x66, 0xff, 0xe9]);
  const folder = join(dir, 'names');
  mkdirSync(folder);
  writeFileSync(Buffer.concat([Buffer.from(`${folder}/`), name]), 'abc');
  writeFileSync(join(folder, 'longer-name'), 'abcd');
  const directory = Buffer.from(folder);
  const size = (place: { directory: Buffer; name: string }): number => native.lstat(place).sizeBytes;
  assert.equal(size({ directory, name: 'longer-name' }), 4);
  assert.equal(size({ directory, name: name.toString('latin1') }), 3);
  assert.equal(native.lstat(placeOf(directory)).type, 'directory');
  assert.equal(size({ directory, name: 'longer-name' }), 4);
  assert.equal(native.lstat({ directory: Buffer.from('/'), name: 'dev' }).type, 'directory');
});

test('what is not there, and a path that is too long, have the code of the system', { skip }, () => {
  for (const calls of [native, nodeStatCalls]) {
    assert.throws(() => calls.lstat(placeOf(Buffer.from(join(dir, 'gone')))), { code: 'ENOENT' });
    for (const length of [300, 5000, 20_000])
      assert.throws(() => calls.lstat({ directory: Buffer.from(dir), name: 'n'.repeat(length) }), {
        code: 'ENAMETOOLONG',
      });
    assert.throws(() => calls.fstat(99_999), { code: 'EBADF' });
  }
});

test('attributes longer than is asked for at first come whole, many of them too', { skip: !findNativeFs() }, (t) => {
  const fs = findNativeFs();
  const path = Buffer.from(join(dir, 'attributes'));
  writeFileSync(path, '');
  const expected = Array.from({ length: 20 }, (_, index) => ({
    name: `user.${'n'.repeat(60)}${index}`,
    value: new Uint8Array(index === 7 ? 1500 : index).fill(index),
  }));
  try {
    for (const attribute of expected) fs?.setXattr(path, attribute);
  } catch {
    t.skip('this file system takes no such attributes');
    return;
  }
  assert.deepEqual([...(fs?.listXattrs(placeOf(path)) ?? [])].sort(byName), expected.sort(byName));
});
