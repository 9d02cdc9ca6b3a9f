import assert from 'node:assert/strict';
import { randomFillSync } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { runHoldfast } from './holdfast.ts';
import { assertFails, filesIn, holdfast, listPoints, pointOf, scratchFolder } from './scratch.ts';

let folder: string;
let tree: string;
let vault: string;
const noise = randomFillSync(Buffer.alloc(3_000_000));

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hf-commands-'));
  [tree, vault] = [join(folder, 'docs'), join(folder, 'vault')];
  await mkdir(join(tree, 'reports/2026'), { recursive: true });
  await writeFile(join(tree, 'letter.txt'), 'Dear reader\n');
  await writeFile(join(tree, 'reports/2026/march.pdf'), noise);
  await writeFile(join(tree, 'reports/old.pdf'), 'old');
  await holdfast(['backup', tree, '--to', vault, '--tag', 'weekly', '--tag', 'first']);
});

after(() => rm(folder, { recursive: true }));

async function json(args: readonly string[]): Promise<Record<string, unknown>> {
  return JSON.parse((await holdfast([...args, '--json'])).stdout) as Record<string, unknown>;
}

test('list --json has the promised fields', async () => {
  const { restorePoints } = (await json(['list', '--from', vault])) as { restorePoints: Record<string, unknown>[] };
  const [point] = restorePoints;
  assert.ok(point);
  assert.equal(restorePoints.length, 1);
  const { id, time, storedBytes, ...rest } = point;
  assert.match(String(id), /^[0-9a-f]{16,}$/);
  assert.equal(new Date(String(time)).toISOString(), time);
  assert.ok(Number(storedBytes) > 3_000_000);
  const promised = {
    vault,
    format: 'archive/gzip',
    source: { type: 'directory', name: 'docs' },
    sizeBytes: 3_000_015,
    status: 'ok',
    verifiedAt: null,
    provenAt: null,
    paths: [tree],
    tags: ['weekly', 'first'],
  };
  assert.deepEqual(Object.fromEntries(Object.keys(promised).map((name) => [name, rest[name]])), promised);
});

test('list --tag and --source choose, and the table shows the beginning of the id', async () => {
  const id = await pointOf('docs', vault);
  const rows = async (...more: string[]): Promise<number> =>
    ((await json(['list', '--from', vault, ...more]))['restorePoints'] as unknown[]).length;
  assert.equal(await rows('--tag', 'weekly,first'), 1);
  assert.equal(await rows('--tag', 'weekly,monthly'), 0);
  assert.equal(await rows('--source', 'docs'), 1);
  assert.equal(await rows('--source', 'other'), 0);
  assert.match((await holdfast(['list', '--from', vault])).stdout, new RegExp(`^${id.slice(0, 8)} `, 'm'));
});

test('backup, show, verify and forget --json print documents that parse', async (t) => {
  const own = join(await scratchFolder(t), 'vault');
  const lines = (await holdfast(['backup', tree, '--to', own, '--json'])).stdout.trim().split('\n');
  const run = JSON.parse(lines.at(-1) ?? '') as Record<string, unknown>;
  assert.deepEqual([run['type'], run['status'], run['job']], ['run', 'ok', 'docs']);
  const id = await pointOf('docs', own);
  const shown = await json(['show', id.slice(0, 8), '--from', own]);
  assert.deepEqual([shown['id'], shown['status'], shown['problems']], [id, 'ok', []]);
  const verified = await json(['verify', '--read-data', '--from', own]);
  assert.deepEqual([verified['status'], verified['readData'], verified['unreadable']], ['ok', true, 0]);

  const dry = (await json(['forget', id, '--from', own, '--dry-run'])) as { forgotten: { id: string }[] };
  assert.deepEqual([dry.forgotten.map((point) => point.id), (await listPoints(own)).size], [[id], 1]);
  await holdfast(['forget', id, '--from', own]);
  assert.equal((await listPoints(own)).size, 0);
  assert.deepEqual(await filesIn(own), []);
});

test('forget deletes what is named and nothing else, and nothing when one of several names is wrong', async (t) => {
  const own = join(await scratchFolder(t), 'vault');
  for (const name of ['letter.txt', 'reports']) await holdfast(['backup', join(tree, name), '--to', own]);
  const [letter, reports] = [await pointOf('letter.txt', own), await pointOf('reports', own)];
  await assertFails(['forget', letter, 'ffffffffffff', '--from', own], { status: 1, says: [/vault\/not-found/] });
  assert.equal((await listPoints(own)).size, 2);
  await holdfast(['forget', letter, '--from', own]);
  assert.deepEqual(
    [...(await listPoints(own)).values()].map(({ id }) => id),
    [reports],
  );
  await holdfast(['verify', '--read-data', '--from', own]);
});

test('ls shows what a restore point holds, whole or one folder of it', async () => {
  const paths = async (...more: string[]): Promise<unknown[]> =>
    (await holdfast(['ls', 'latest', ...more, '--from', vault, '--json'])).stdout
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { path: string }).path);
  const reports = ['reports', 'reports/2026', 'reports/2026/march.pdf', 'reports/old.pdf'];
  assert.deepEqual(await paths(), ['', 'letter.txt', ...reports]);
  assert.deepEqual(await paths('reports/'), reports);
  const { stdout } = await holdfast(['ls', 'latest', 'letter.txt', '--from', vault]);
  assert.match(stdout, /^-rw-r--r-- .* 12 20\d\d-\d\d-\d\d \d\d:\d\d:\d\d letter\.txt$/m);
});

test('dump writes the bytes of one file, and says when there is no such file', async (t) => {
  const own = join(await scratchFolder(t), 'vault');
  await holdfast(['backup', join(tree, 'letter.txt'), '--to', own]);
  assert.equal((await holdfast(['dump', 'latest', 'letter.txt', '--from', own])).stdout, 'Dear reader\n');
  await assertFails(['dump', 'latest', 'nothing', '--from', own], { status: 2, says: [/vault\/path-not-found/] });
  await assertFails(['dump', 'latest', '--from', vault], { status: 2, says: [/holds a tree/] });
});

test('restore --include of what is not there fails, and leaves no target', async (t) => {
  const target = join(await scratchFolder(t), 'restored');
  const wrong = ['restore', 'latest', '--from', vault, '--target', target, '--include', 'reprots/old.pdf'];
  const result = await runHoldfast(wrong);
  assert.equal(result.status, 2, result.stderr);
  assert.match(result.stderr, /reprots\/old\.pdf.*vault\/path-not-found/s);
  await assert.rejects(readFile(target), { code: 'ENOENT' });
});

test('restore --include brings back what matches and no more', async (t) => {
  const scratch = await scratchFolder(t);
  for (const [index, [globs, expected]] of [
    [['reports/2026/**'], ['reports/2026/march.pdf']],
    [['letter.txt'], ['letter.txt']],
    [['reports'], ['reports/2026/march.pdf', 'reports/old.pdf']],
    [
      ['*.pdf', 'letter.txt'],
      ['letter.txt', 'reports/2026/march.pdf', 'reports/old.pdf'],
    ],
  ].entries() as Iterable<[number, [string[], string[]]]>) {
    const target = join(scratch, String(index));
    const include = globs.flatMap((glob) => ['--include', glob]);
    await holdfast(['restore', 'latest', '--from', vault, '--target', target, ...include]);
    assert.deepEqual(await filesIn(target), expected);
  }
});

test('restore --dry-run says what it would do and writes nothing', async (t) => {
  const target = join(await scratchFolder(t), 'target');
  const { stdout } = await holdfast(['restore', 'latest', '--from', vault, '--target', target, '--dry-run']);
  assert.match(stdout, /^3 files, .* would be restored/m);
  assert.deepEqual(await filesIn(target), []);
});

test('restore replaces what is there as --overwrite says: never, if changed, always', async (t) => {
  const target = await scratchFolder(t);
  const args = ['restore', 'latest', '--from', vault, '--target', target];
  await writeFile(join(target, 'letter.txt'), 'mine');
  await writeFile(join(target, 'other'), 'other');
  for (const never of [[], ['--overwrite', 'never']]) {
    await assertFails([...args, ...never], { status: 2, says: [/source\/target-exists/, /letter\.txt/] });
    assert.deepEqual(await filesIn(target), ['letter.txt', 'other']);
    assert.equal(await readFile(join(target, 'letter.txt'), 'utf8'), 'mine');
  }
  await holdfast([...args, '--overwrite', 'always']);
  assert.equal(await readFile(join(target, 'letter.txt'), 'utf8'), 'Dear reader\n');
  assert.ok((await readFile(join(target, 'reports/2026/march.pdf'))).equals(noise));
  assert.equal(await readFile(join(target, 'other'), 'utf8'), 'other');

  // Same size and time: taken for unchanged. Another time: replaced.
  await holdfast([...args, '--overwrite', 'always']);
  await writeFile(join(target, 'reports/old.pdf'), 'new');
  await utimes(join(target, 'reports/old.pdf'), 1, 1);
  await holdfast([...args, '--overwrite', 'if-changed']);
  assert.equal(await readFile(join(target, 'reports/old.pdf'), 'utf8'), 'old');
});

test('the exit status tells usage, nothing found, failure and damage apart', async (t) => {
  const scratch = await scratchFolder(t);
  const status = async (...args: string[]): Promise<number | null> =>
    (await runHoldfast(args, { cwd: scratch })).status;
  assert.equal(await status('--version'), 0);
  assert.equal(await status('backup', '--help'), 0);
  assert.equal(await status('backup', tree), 1); // where to?
  assert.equal(await status('no-such-command'), 1);
  assert.equal(await status('list', '--from', join(scratch, 'nothing')), 1);
  assert.equal(await status('restore', 'ffffffff', '--from', vault, '--target', 'x'), 1);
  assert.equal(await status('backup', join(scratch, 'nothing'), '--to', 'v'), 2);
  assert.equal(await status('restore', 'latest', '--from', vault, '--target', join(tree, 'letter.txt')), 2);
  assert.deepEqual(await filesIn(scratch), []);
});
