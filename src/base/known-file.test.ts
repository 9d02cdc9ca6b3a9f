import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  lstatSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { type KnownFile, readKnownFile } from './known-file.ts';

function known(path: string): KnownFile {
  const { ino, size, mtimeNs, ctimeNs } = lstatSync(path, { bigint: true });
  return { location: Buffer.from(path), inode: ino, sizeBytes: Number(size), mtimeNs, ctimeNs };
}

const read = (file: KnownFile): string | undefined => {
  const target = Buffer.alloc(file.sizeBytes);
  return readKnownFile(file, target) ? target.toString() : undefined;
};

/** A file system's clock goes in steps of milliseconds, within which nobody can tell a change: waits for the next. */
function untilClockMoves(path: string): void {
  const probe = `${path}-probe`;
  const { ctimeNs } = lstatSync(path, { bigint: true });
  do writeFileSync(probe, '');
  while (lstatSync(probe, { bigint: true }).ctimeNs <= ctimeNs);
}

describe('a file that is read as it is known', () => {
  const dir = mkdtempSync(join(tmpdir(), 'holdfast-known-'));
  after(() => rmSync(dir, { recursive: true, force: true }));

  function newFile(name: string, content = 'content'): string {
    const path = join(dir, name);
    writeFileSync(path, content);
    utimesSync(path, 1, 1);
    return path;
  }

  test('comes whole, an empty one too', () => {
    assert.equal(read(known(newFile('whole'))), 'content');
    assert.equal(read(known(newFile('empty', ''))), '');
  });

  const changes: Readonly<Record<string, (path: string) => void>> = {
    grew: (path) => appendFileSync(path, 'x'),
    'has another content of the same size and time': (path) => {
      writeFileSync(path, 'CONTENT');
      utimesSync(path, 1, 1);
    },
    'has another mode': (path) => execFileSync('chmod', ['600', path]),
    'is gone': (path) => rmSync(path),
    'is a symlink now': (path) => {
      renameSync(path, `${path}-moved`);
      symlinkSync(`${path}-moved`, path);
    },
    'is a fifo now': (path) => {
      rmSync(path);
      execFileSync('mkfifo', [path]);
    },
    'is a directory now': (path) => {
      rmSync(path);
      execFileSync('mkdir', [path]);
    },
  };
  for (const [change, make] of Object.entries(changes))
    test(`does not come when it ${change}`, () => {
      const path = newFile(change.replaceAll(' ', '-'));
      const file = known(path);
      untilClockMoves(path);
      make(path);
      assert.equal(read(file), undefined);
    });
});
