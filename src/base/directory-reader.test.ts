import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type DirectoryReader, findDirectoryReader, nameTypes } from './directory-reader.ts';

const reader = findDirectoryReader() as DirectoryReader;
const skip = reader === undefined && 'no node:ffi, or a C library without getdents64';

let dir = '';
before(() => {
  dir = mkdtempSync(join(tmpdir(), 'holdfast-names-'));
});
after(() => rmSync(dir, { recursive: true }));

function namesIn(path: string): { readonly name: string; readonly type: number }[] {
  const names: { name: string; type: number }[] = [];
  const fd = reader.open(path);
  try {
    while (
      reader.visitSome(fd, (type, start, end) =>
        names.push({ name: reader.bytes.toString('latin1', start, end), type }),
      )
    );
  } finally {
    reader.close(fd);
  }
  return names;
}

test('the names are those that Node.js tells, of every length, in more calls than one', { skip }, () => {
  const folder = join(dir, 'many');
  mkdirSync(folder);
  for (let length = 1; length <= 255; length += 1) writeFileSync(join(folder, 'x'.repeat(length)), '');
  for (let index = 0; index < 3000; index += 1) writeFileSync(join(folder, `.${index} ünïcode`), '');
  for (const name of ['...', '..x', '. ', Buffer.from([0x2e, 0xff])])
    writeFileSync(Buffer.concat([Buffer.from(`${folder}/`), Buffer.from(name)]), '');
  const told = namesIn(folder).map(({ name }) => name);
  assert.deepEqual(told.sort(), readdirSync(folder, { encoding: 'latin1' }).sort());
});

test('an empty directory has no names', { skip }, () => {
  mkdirSync(join(dir, 'empty'));
  assert.deepEqual(namesIn(join(dir, 'empty')), []);
});

test('types are told, or told to be unknown', { skip }, () => {
  const folder = join(dir, 'types');
  mkdirSync(join(folder, 'folder'), { recursive: true });
  writeFileSync(join(folder, 'file'), '');
  symlinkSync('file', join(folder, 'link'));
  execFileSync('mkfifo', [join(folder, 'fifo')]);
  for (const { name, type } of namesIn(folder)) {
    if (type === nameTypes.unknown) continue;
    assert.equal(type === nameTypes.directory, name === 'folder', name);
    assert.equal(type === nameTypes.file, name === 'file', name);
  }
});

test('what is no directory, or a symlink to one, is refused with the code of the system', { skip }, () => {
  writeFileSync(join(dir, 'file'), '');
  mkdirSync(join(dir, 'real'));
  symlinkSync('real', join(dir, 'alias'));
  assert.throws(() => reader.open(join(dir, 'nowhere')), { code: 'ENOENT' });
  assert.throws(() => reader.open(join(dir, 'file')), { code: 'ENOTDIR' });
  assert.throws(() => reader.open(join(dir, 'alias')), { code: /ENOTDIR|ELOOP/ });
});
