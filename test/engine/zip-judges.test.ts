/** What the zip writer makes is judged by Info-ZIP's unzip and Python's zipfile. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ZipWriter } from '../../src/engine/restore/zip/zip-writer.ts';
import type { SourceEntry } from '../../src/source/index.ts';
import { membersOfZip } from '../fixtures/zip-members.ts';

const second = 1_000_000_000n;
const facts = { mode: 0o644, uid: 0, gid: 0, mtimeNs: 1_600_000_001n * second };

const fileOf = (name: string, text: string): SourceEntry => ({
  ...facts,
  path: Buffer.from(name),
  type: 'file',
  sizeBytes: Buffer.byteLength(text),
  async *open() {
    yield Buffer.from(text);
  },
});

/** Fields of 64 bits are used from these sizes and counts on: a real zip of that kind has 4 GiB. */
const limits = [
  { size: 0xffff_ffff, entries: 0xffff },
  { size: 0xffff_ffff, entries: 2 },
  { size: 1000, entries: 0xffff },
  { size: 1, entries: 1 },
];

for (const limit of limits)
  test(`members come out as they went in, with fields of 64 bits from ${limit.size} bytes and ${limit.entries} members on`, async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'holdfast-zip-'));
    t.after(() => rm(folder, { recursive: true, force: true }));
    const entries: SourceEntry[] = [
      { ...facts, path: Buffer.from('folder'), type: 'directory', mode: 0o1755 },
      fileOf('folder/empty', ''),
      fileOf('folder/small', 'x'),
      fileOf('folder/large', 'y'.repeat(5000)),
      { ...facts, path: Buffer.from('folder/link'), type: 'symlink', mode: 0o777, linkTarget: Buffer.from('größe') },
      { ...fileOf('größe', 'ü'), mode: 0o4555 },
      { ...fileOf('before 1970', 'old'), mtimeNs: -1n },
      { ...fileOf('before 1980', 'old'), mtimeNs: 100_000_000n * second },
      { ...fileOf('after 2038', 'new'), mtimeNs: 3_000_000_000n * second },
      { ...fileOf('after 2107', 'new'), mtimeNs: 300_000_000_000n * second },
      { ...facts, path: Buffer.from('pipe'), type: 'fifo' },
    ];
    const chunks: Buffer[] = [];
    const zip = new ZipWriter(async (bytes) => void chunks.push(Buffer.from(bytes)), limit);
    for (const entry of entries) await zip.add(entry, t.signal);
    await zip.end();
    const file = join(folder, 'all.zip');
    await writeFile(file, Buffer.concat(chunks));
    assert.match(execFileSync('unzip', ['-t', file], { encoding: 'utf8' }), /No errors detected/);
    const members = membersOfZip(file);
    assert.deepEqual(
      members.map(({ name, mode, content }) => [name, mode, content]),
      [
        ['folder/', '41755', ''],
        ['folder/empty', '100644', ''],
        ['folder/small', '100644', 'x'],
        ['folder/large', '100644', 'y'.repeat(5000)],
        ['folder/link', '120777', 'größe'],
        ['größe', '104555', 'ü'],
        ['before 1970', '100644', 'old'],
        ['before 1980', '100644', 'old'],
        ['after 2038', '100644', 'new'],
        ['after 2107', '100644', 'new'],
        ['pipe', '10644', ''],
      ],
    );
    const times = new Map(members.map(({ name, mtime, year }) => [name, { mtime, year }]));
    assert.equal(times.get('folder/small')?.mtime, 1_600_000_001);
    assert.equal(times.get('before 1970')?.mtime, -1);
    assert.deepEqual(times.get('before 1980'), { mtime: 100_000_000, year: 1980 });
    assert.deepEqual(times.get('after 2038'), { mtime: null, year: 2065 });
    assert.deepEqual(times.get('after 2107'), { mtime: null, year: 2107 });
  });
