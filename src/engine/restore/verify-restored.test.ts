import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { appendFile, link, mkdir, mkdtemp, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import type { RestoreProblem, SourceEntry } from '../../source/index.ts';
import type { Vault } from '../../vault/index.ts';
import { sampleRestorePoint } from '../testing/sample-restore-point.ts';
import { verifyRestored } from './verify-restored.ts';

const contents = { empty: '', 'folder/long': 'x'.repeat(100_000), short: 'short' };
const facts = { mode: 0o644, uid: 0, gid: 0, mtimeNs: 0n };
const signal = new AbortController().signal;

const entryOf = ([path, content]: readonly [string, string]): SourceEntry => ({
  ...facts,
  path: Buffer.from(path),
  type: 'file',
  sizeBytes: content.length,
  async *open() {
    yield Buffer.from(content.slice(0, 70_000));
    yield Buffer.from(content.slice(70_000));
  },
});

const entries: readonly SourceEntry[] = [
  { ...facts, path: Buffer.alloc(0), type: 'directory' },
  ...Object.entries(contents).map(entryOf),
  { ...facts, path: Buffer.from('twin'), type: 'file', hardLinkTo: Buffer.from('short') },
];

const piecesOf = (path: string) => {
  const content = Buffer.from(contents[path as keyof typeof contents] ?? '');
  return [content.subarray(0, 70_000), content.subarray(70_000)].map((piece) => ({
    sizeBytes: piece.length,
    sha256: hash('sha256', piece),
  }));
};

const byContent: Pick<Vault, 'read'> = {
  async *read() {
    yield* entries;
  },
};

const byPieces: Pick<Vault, 'read' | 'readPieces'> = {
  read: () => assert.fail('no content is to be read'),
  async *readPieces() {
    for (const entry of entries) yield { entry, pieces: piecesOf(entry.path.toString()) };
  },
};

/** A folder with what the entries say. */
async function restored(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'hf-verify-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  await mkdir(join(folder, 'folder'));
  for (const [path, content] of Object.entries(contents)) await writeFile(join(folder, path), content);
  await link(join(folder, 'short'), join(folder, 'twin'));
  return folder;
}

async function verify(vault: Partial<Vault>, targetDir: string, include: readonly string[] = []) {
  const problems: RestoreProblem[] = [];
  const verified = await verifyRestored({
    vault: vault as Vault,
    point: sampleRestorePoint(0),
    targetDir,
    include,
    signal,
    onProblem: (problem) => problems.push(problem),
    onProgress: () => {},
  });
  return { ...verified, problems: problems.map(({ path, kind, message }) => `${kind}: ${path}: ${message}`) };
}

for (const [how, vault] of Object.entries({ 'its content': byContent, 'the hashes of its pieces': byPieces }))
  describe(`what was restored is compared with a restore point by ${how}`, () => {
    test('what is as it was, is verified, other names of a file too', async (t) => {
      assert.deepEqual(await verify(vault, await restored(t)), { files: 4, bytes: 100_005, problems: [] });
    });

    test('only what was chosen is looked at', async (t) => {
      const target = await restored(t);
      await rm(join(target, 'short'));
      assert.deepEqual(await verify(vault, target, ['folder']), { files: 1, bytes: 100_000, problems: [] });
    });

    const damages: Readonly<Record<string, readonly [(path: string) => Promise<unknown>, RegExp]>> = {
      'is another content': [
        (path) => writeFile(path, `${'x'.repeat(99_999)}y`),
        /another content.* from byte 70000 on/,
      ],
      'is shorter': [(path) => truncate(path, 99_999), /ends at byte 99999/],
      'is longer': [(path) => appendFile(path, 'x'), /goes on behind byte 100000/],
      'is gone': [(path) => rm(path), /is not there/],
      'is a directory': [async (path) => (await rm(path), await mkdir(path)), /is no file/],
      'is a link': [async (path) => (await rm(path), await symlink('../short', path)), /is a link/],
    };
    for (const [what, [damage, says]] of Object.entries(damages))
      test(`what ${what} is told by its name, and the others are verified`, async (t) => {
        const target = await restored(t);
        await damage(join(target, 'folder/long'));
        const { files, bytes, problems } = await verify(vault, target);
        assert.deepEqual([files, bytes, problems.length], [3, 5, 1]);
        assert.match(problems[0] ?? '', /^content: folder\/long: /);
        assert.match(problems[0] ?? '', says);
      });

    test('a name that is no other name of its file any more is told', async (t) => {
      const target = await restored(t);
      await rm(join(target, 'twin'));
      assert.match((await verify(vault, target)).problems.join(), /^content: twin: It is not there/);
      await writeFile(join(target, 'twin'), 'short');
      assert.match((await verify(vault, target)).problems.join(), /^content: twin: It is not the same file/);
    });
  });
