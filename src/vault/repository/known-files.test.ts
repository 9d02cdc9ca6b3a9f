import assert from 'node:assert/strict';
import { chmodSync, linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type Clock, systemClock } from '../../base/clock.ts';
import { silentLogger as logger } from '../../base/log.ts';
import { type Need, openSources, type SourceDetails, type SourceEntry } from '../../source/index.ts';
import { MemoryStore } from '../../store/index.ts';
import { readBack, sampleFile, sampleRoot } from '../testing/sample-entries.ts';
import { newPoint } from '../testing/vault-testing.ts';
import type { NewRestorePoint, RestorePoint } from '../vault.ts';
import { RepositoryVault, type RepositoryVaultSpec } from './index.ts';

const { signal } = new AbortController();
/** Who takes a lock waits for those who take one too: here nobody does. */
const clock: Clock = { ...systemClock, sleep: (ms, stop) => systemClock.sleep(ms < 1000 ? 1 : ms, stop) };
const openVault = (ignoring: Pick<RepositoryVaultSpec, 'ignoreInode' | 'ignoreCtime'> = {}): RepositoryVault =>
  new RepositoryVault(
    { type: 'repository', password: 'correct horse', ...ignoring },
    {
      name: 'test',
      store: new MemoryStore(clock),
      clock,
      logger,
      kdf: { N: 1024, r: 8, p: 1 },
    },
  );

let days = 0;
/** Each begins after the one before. */
const laterPoint = (): NewRestorePoint => newPoint({ startedAt: new Date(Date.UTC(2026, 3, (days += 1))) });

let dir = '';
before(() => {
  dir = mkdtempSync(join(tmpdir(), 'holdfast-known-'));
});
after(() => rmSync(dir, { recursive: true }));

interface Backup {
  readonly point: RestorePoint;
  /** What was needed of each file. */
  readonly needed: Readonly<Record<string, Need>>;
}

async function backUp(vault: RepositoryVault, path: string): Promise<Backup> {
  const [source] = await openSources({ type: 'directory', path }, { signal, logger, clock: systemClock });
  assert.ok(source);
  const needed: Record<string, Need> = {};
  const point = await vault.write(
    laterPoint(),
    async (writer) => {
      const reading = source.read({
        signal,
        logger,
        onProblem: ({ message }) => assert.fail(message),
        needs: async (file) => (needed[file.path.toString()] = (await writer.needs?.(file)) ?? 'in-place'),
      });
      for await (const entry of reading.entries) {
        assert.equal(entry.asBefore ?? false, entry.type === 'file' && needed[entry.path.toString()] === 'nothing');
        await writer.add(entry);
      }
      return { details: reading.details(), problems: [] };
    },
    signal,
  );
  return { point, needed };
}

/** A backup of given entries, with what was needed of the files among them. */
async function write(
  vault: RepositoryVault,
  entries: readonly SourceEntry[],
  details: SourceDetails = {},
): Promise<(Need | undefined)[]> {
  const needed: (Need | undefined)[] = [];
  await vault.write(
    laterPoint(),
    async (writer) => {
      for (const entry of entries) if (entry.type === 'file') needed.push(await writer.needs?.(entry));
      for (const entry of entries) await writer.add(entry);
      return { details, problems: [] };
    },
    signal,
  );
  return needed;
}

test('nothing is needed of files that are as they were, and the restore point is the same', async () => {
  const root = join(dir, 'tree');
  mkdirSync(join(root, 'sub/deep'), { recursive: true });
  writeFileSync(join(root, 'sub/one'), 'one');
  writeFileSync(join(root, 'sub/deep/two'), 'two');
  writeFileSync(join(root, 'three'), 'three');
  linkSync(join(root, 'sub/one'), join(root, 'sub/other name'));
  symlinkSync('three', join(root, 'link'));
  const vault = openVault();
  const first = await backUp(vault, root);
  assert.deepEqual([...new Set(Object.values(first.needed))], ['in-place']);
  const second = await backUp(vault, root);
  const files = { 'sub/one': 'nothing', 'sub/other name': 'nothing', 'sub/deep/two': 'nothing', three: 'nothing' };
  assert.deepEqual(second.needed, { ...files, link: 'in-place' });
  const { files: count, sizeBytes } = second.point;
  assert.deepEqual({ files: count, sizeBytes }, { files: first.point.files, sizeBytes: first.point.sizeBytes });
  assert.deepEqual(await readBack(vault, second.point), await readBack(vault, first.point));

  chmodSync(join(root, 'sub/deep/two'), 0o600);
  writeFileSync(join(root, 'sub/new'), 'new');
  const third = await backUp(vault, root);
  assert.deepEqual(third.needed, { ...files, link: 'in-place', 'sub/deep/two': 'in-place', 'sub/new': 'in-place' });
  const entries = await readBack(vault, third.point);
  assert.deepEqual(
    entries.map(({ path, mode }) => [path.toString(), mode & 0o777]).filter(([path]) => /two|new/.test(`${path}`)),
    [
      ['sub/deep/two', 0o600],
      ['sub/new', 0o644],
    ],
  );
  assert.deepEqual(await vault.verify(third.point, { readData: true, signal }), []);
  rmSync(join(root, 'sub/new'));
  const fourth = await backUp(vault, root);
  assert.equal((await readBack(vault, fourth.point)).length, entries.length - 1);
  await vault.close();
});

test('an inode number or a ctime that is ignored tells nothing of a change, and the facts are read all the same', async () => {
  const ctimeNs = 1_700_000_000_000_000_001n;
  const file = sampleFile('file', Buffer.from('content'), { inode: 7n, deviceId: 42n, ctimeNs });
  const cases: [Parameters<typeof openVault>[0], Partial<SourceEntry>, Need][] = [
    [{ ignoreInode: true }, { inode: 8n }, 'facts'],
    [{ ignoreInode: true }, { inode: 8n, ctimeNs: ctimeNs + 1n }, 'in-place'],
    [{ ignoreCtime: true }, { ctimeNs: ctimeNs + 1n }, 'facts'],
    [{ ignoreCtime: true }, { ctimeNs: ctimeNs + 1n, inode: 8n }, 'in-place'],
    [{ ignoreCtime: true, ignoreInode: true }, { ctimeNs: ctimeNs + 1n, inode: 8n }, 'facts'],
    [{ ignoreCtime: true, ignoreInode: true }, { mtimeNs: file.mtimeNs + 1n }, 'in-place'],
    [{ ignoreCtime: true, ignoreInode: true }, { sizeBytes: 8 }, 'in-place'],
  ];
  for (const [ignoring, changes, need] of cases) {
    const vault = openVault(ignoring);
    await write(vault, [sampleRoot, file]);
    const content = Buffer.alloc(changes.sizeBytes ?? 7, 'content');
    const changed = sampleFile('file', content, { inode: 7n, deviceId: 42n, ctimeNs, ...changes });
    assert.deepEqual(await write(vault, [sampleRoot, changed]), [need]);
    await vault.close();
  }
});

test('the facts are needed where owners have other names, and the device or the inode are not those before', async () => {
  const vault = openVault();
  const state = { inode: 7n, deviceId: 42n, ctimeNs: 1_700_000_000_000_000_001n };
  const file = sampleFile('file', Buffer.from('in-place'), state);
  const { inode: _, ...unnumbered } = file;
  const cases: [Need, SourceEntry][] = [
    ['nothing', file],
    ['facts', { ...file, user: 'other' }],
    ['facts', { ...file, group: 'other' }],
    ['facts', { ...file, deviceId: 43n }],
    ['facts', unnumbered],
    ['in-place', { ...file, inode: 8n }],
    ['in-place', { ...file, ctimeNs: 1_700_000_000_000_000_002n }],
  ];
  for (const [need, changed] of cases) {
    await write(vault, [sampleRoot, file]);
    assert.deepEqual(await write(vault, [sampleRoot, changed]), [need]);
  }
  await vault.close();
});

test('the facts are needed where the reading before had a note on what it left out', async () => {
  const vault = openVault();
  const entries = [sampleRoot, sampleFile('file', Buffer.from('x'), { inode: 7n, deviceId: 42n, ctimeNs: 5n })];
  await write(vault, entries, { notes: ['Extended attributes were not recorded.'] });
  assert.deepEqual(await write(vault, entries), ['facts']);
  assert.deepEqual(await write(vault, entries), ['nothing']);
  await vault.close();
});
