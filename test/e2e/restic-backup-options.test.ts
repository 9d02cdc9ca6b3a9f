/** Options of `backup` that restic has, beside it. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { runHoldfast } from './holdfast.ts';
import { restic, resticSnapshots } from './restic.ts';
import { filesIn, holdfast, scratchFolder } from './scratch.ts';

test('a dry run says what would be added, as restic counts it, and changes nothing', async (t) => {
  const folder = await scratchFolder(t);
  await mkdir(join(folder, 'tree/deep'), { recursive: true });
  for (const name of ['a', 'b', 'deep/c']) await writeFile(join(folder, 'tree', name), name);
  const env = { RESTIC_REPOSITORY: join(folder, 'repo'), RESTIC_PASSWORD: 'a-password-of-tests', HOME: folder };
  const options = { cwd: folder, env };
  await holdfast(['init'], options);
  const contents = async (): Promise<readonly string[]> => filesIn(join(folder, 'repo'));
  for (const size of [3_000_000, 0]) {
    if (size > 0) await writeFile(join(folder, 'tree/big'), randomBytes(size));
    const before = await contents();
    const { stdout } = await holdfast(['backup', '--dry-run', 'tree', '--json'], options);
    assert.deepEqual(await contents(), before);
    assert.deepEqual(await filesIn(join(folder, '.cache')), []);
    const told = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as {
      dryRun: boolean;
      sources: { restorePoints: { storedBytes: number; files: number }[] }[];
    };
    const [point] = told.sources[0]?.restorePoints ?? [];
    assert.equal(told.dryRun, true);
    const summary = JSON.parse(
      restic(['backup', '--dry-run', 'tree', '--json'], options).trim().split('\n').at(-1) ?? '',
    ) as {
      data_added: number;
      total_files_processed: number;
    };
    assert.equal(point?.files, summary.total_files_processed);
    const storedBytes = point?.storedBytes ?? 0;
    assert.ok(Math.abs(storedBytes - summary.data_added) < 3000, `${storedBytes} and ${summary.data_added}`);
    assert.match(
      (await holdfast(['backup', '-n', 'tree'], options)).stdout,
      /^Would back up [34] files, .*Nothing was written\.$/m,
    );
    await holdfast(['backup', 'tree'], options);
    await rm(join(folder, '.cache'), { recursive: true, force: true });
  }
  for (const words of [
    ['tree', '--to', 'vault'],
    ['tree', '--interval', '5'],
  ])
    assert.equal((await runHoldfast(['backup', '--dry-run', ...words], options)).status, 1);
  assert.deepEqual(await filesIn(join(folder, 'vault')), []);
});

test('files larger than a size are left out, as restic leaves them out', async (t) => {
  const folder = await scratchFolder(t);
  await mkdir(join(folder, 'tree'));
  for (const bytes of [0, 1023, 1024, 1025, 5000])
    await writeFile(join(folder, 'tree', `${bytes}`), Buffer.alloc(bytes));
  const env = { RESTIC_REPOSITORY: join(folder, 'repo'), RESTIC_PASSWORD: 'a-password-of-tests', HOME: folder };
  const options = { cwd: folder, env };
  await holdfast(['init'], options);
  await holdfast(['backup', 'tree', '--exclude-larger-than', '1K'], options);
  const ours = restic(['ls', 'latest'], options);
  restic(['backup', 'tree', '--exclude-larger-than', '1K'], options);
  assert.equal(ours.split('\n').slice(1).join('\n'), restic(['ls', 'latest'], options).split('\n').slice(1).join('\n'));
  await holdfast(['backup', 'tree', '--to', 'vault', '--exclude-larger-than', '1K'], options);
  const { stdout } = await holdfast(['ls', 'latest', '--from', 'vault', '--json'], {
    ...options,
    env: { HOME: folder },
  });
  const paths = stdout
    .trim()
    .split('\n')
    .map((line) => (JSON.parse(line) as { path: string }).path);
  assert.deepEqual(paths.sort(), ['', '0', '1023', '1024']);
});

test('a path through a symlink holds what is behind it, as restic has it; the link alone is a link', async (t) => {
  const folder = await scratchFolder(t);
  await mkdir(join(folder, 'real/inner/deep'), { recursive: true });
  for (const name of ['a', 'inner/b', 'inner/deep/c']) await writeFile(join(folder, 'real', name), name);
  await symlink('real', join(folder, 'link'));
  await symlink('inner', join(folder, 'real/short'));
  const env = { RESTIC_REPOSITORY: join(folder, 'repo'), RESTIC_PASSWORD: 'a-password-of-tests', HOME: folder };
  const options = { cwd: folder, env };
  await holdfast(['init'], options);
  const chosen = [
    ['link'],
    ['link/inner'],
    ['link/a', 'link'],
    ['real', 'real/short/deep'],
    ['link/short/b', 'real/a'],
  ];
  for (const paths of chosen) {
    await holdfast(['backup', '--force', ...paths], options);
    restic(['backup', '--force', ...paths], options);
    const trees = resticSnapshots(options)
      .slice(-2)
      .map(({ tree }) => tree);
    assert.equal(trees[0], trees[1], paths.join(' '));
  }
});

for (const zone of ['Europe/Berlin', 'America/St_Johns', 'UTC'])
  test(`a backup of restic’s over ours adds nothing in the zone ${zone}, nor one of ours over restic’s`, async (t) => {
    const folder = await scratchFolder(t);
    await mkdir(join(folder, 'tree/summer'), { recursive: true });
    for (const [name, time] of [
      ['summer/file', '2021-07-01T12:00:00.123456789Z'],
      ['winter', '2021-01-01T12:00:00Z'],
      ['long ago', '1975-01-01T12:00:00Z'],
    ] as const) {
      await writeFile(join(folder, 'tree', name), name);
      execFileSync('touch', ['-d', time, join(folder, 'tree', name)]);
    }
    const password = 'a-password-of-tests';
    for (const first of ['ours', 'restic']) {
      const env = { RESTIC_REPOSITORY: join(folder, first), RESTIC_PASSWORD: password, HOME: folder, TZ: zone };
      const options = { cwd: folder, env };
      restic(['init'], options);
      const ours = async (): Promise<void> => {
        const { stdout } = await holdfast(['backup', 'tree', '--json'], options);
        if (first === 'restic') assert.match(stdout, /"storedBytes":0,/);
      };
      const theirs = (): void => {
        const said = restic(['backup', 'tree', '--json'], options);
        if (first === 'ours') assert.match(said, /"tree_blobs":0,"data_added":0,/);
      };
      if (first === 'ours') {
        await ours();
        theirs();
      } else {
        theirs();
        await ours();
      }
    }
  });
