/** What restic's commands are told of other repositories, keys, snapshots and policies: the real restic sees what came of it. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { emptyRepository } from './empty-repository.ts';
import { restic, resticSnapshots } from './restic.ts';
import { assertFails, filesIn, holdfast } from './scratch.ts';

describe('what is said of another repository, of keys and of snapshots', { concurrency: true }, () => {
  test('init takes the other repository’s way to cut content, and copy all variables of restic’s that name it', async (t) => {
    const { folder, options } = await emptyRepository(t);
    await holdfast(['backup', 'tree'], options);
    await writeFile(join(folder, 'address'), join(folder, 'repo'));
    const from = { RESTIC_FROM_REPOSITORY_FILE: 'address', RESTIC_FROM_PASSWORD_COMMAND: 'echo a-password-of-tests' };
    const there = { cwd: folder, env: { ...options.env, ...from, RESTIC_REPOSITORY: 'copy' } };
    await holdfast(['init', '--copy-chunker-params'], there);
    const polynomials = [options, there].map(
      (how) => (JSON.parse(restic(['cat', 'config'], how)) as { chunker_polynomial: string }).chunker_polynomial,
    );
    assert.equal(polynomials[0], polynomials[1]);
    await holdfast(['copy'], there);
    assert.equal(resticSnapshots(there).length, 1);
  });

  test('a key names the user and the host that are given, a new one and one of another password', async (t) => {
    const { folder, options } = await emptyRepository(t);
    await writeFile(join(folder, 'second'), 'another-password');
    await holdfast(['key', 'add', '--new-password-file', 'second', '--user', 'anna', '--host', 'one'], options);
    assert.match(restic(['key', 'list'], options), /anna +one/);
    await holdfast(['key', 'passwd', '--new-password-file', 'second', '--user', 'otto', '--host', 'two'], options);
    const other = { cwd: folder, env: { ...options.env, RESTIC_PASSWORD: 'another-password' } };
    assert.match(restic(['key', 'list'], other), /otto +two/);
  });

  test('rewrite gives snapshots another host and another time', async (t) => {
    const { options } = await emptyRepository(t);
    await holdfast(['backup', 'tree'], options);
    restic(['backup', 'tree'], options);
    const time = '2024-02-29 13:45:00';
    await holdfast(['rewrite', '--new-host', 'renamed', '--new-time', time, '--forget'], options);
    const expected = [new Date(time).getTime(), 'renamed'];
    for (const snapshot of resticSnapshots(options))
      assert.deepEqual([new Date(snapshot.time).getTime(), snapshot.hostname], expected);
    const { stdout } = await holdfast(['list', '--json'], options);
    for (const point of (JSON.parse(stdout) as { restorePoints: { time: string; host: string }[] }).restorePoints)
      assert.deepEqual([new Date(point.time).getTime(), point.host], expected);
    restic(['check'], options);
    await assertFails(['rewrite'], { status: 1, says: [/--new-host/] }, options);
  });

  test('what comes on standard input stands in the folder that its name says', async (t) => {
    const { folder, options } = await emptyRepository(t);
    const given = { ...options, input: 'select 1;\n' };
    for (const name of ['/dumps/db/all.sql', 'dumps/db/all.sql']) {
      await holdfast(['backup', '--stdin', '--stdin-filename', name], given);
      assert.deepEqual(resticSnapshots(options).at(-1)?.paths, ['/dumps/db/all.sql']);
      for (const path of [[], ['/dumps/db/all.sql']])
        assert.equal((await holdfast(['dump', 'latest', ...path], options)).stdout, 'select 1;\n');
    }
    assert.equal(restic(['dump', 'latest', '/dumps/db/all.sql'], options), 'select 1;\n');
    restic(['check', '--read-data'], options);
    await holdfast(['restore', 'latest', '--target', 'out', '--verify'], options);
    assert.deepEqual(await filesIn(join(folder, 'out')), ['dumps/db/all.sql']);
  });

  test('a rule of 0 is no rule, and a span’s units come in any order', async (t) => {
    const { options } = await emptyRepository(t);
    for (const time of ['2024-01-01 10:00:00', '2024-01-05 10:00:00', '2024-01-05 12:00:00', '2024-01-05 13:00:00'])
      await holdfast(['backup', 'tree', '--time', time], options);
    const policies = [
      ['--keep-last', '0', '--keep-daily', '1'],
      ['--keep-within', '1h0d', '--keep-hourly', '0'],
      ['--keep-within', '3h1d'],
      ['--keep-daily', '1', '--keep-within', '0d'],
    ];
    for (const policy of policies) {
      const groups = JSON.parse(restic(['forget', '--dry-run', '--json', ...policy], options)) as {
        keep: { id: string }[];
      }[];
      const { stdout } = await holdfast(['forget', '--dry-run', '--json', ...policy], options);
      const { vaults } = JSON.parse(stdout) as { vaults: { targets: { keep: { id: string }[] }[] }[] };
      const kept = vaults.flatMap(({ targets }) => targets.flatMap(({ keep }) => keep.map(({ id }) => id)));
      const expected = groups.flatMap(({ keep }) => keep.map(({ id }) => id));
      assert.deepEqual(kept.toSorted(), expected.toSorted(), policy.join(' '));
    }
  });

  test('restic’s ways to say how much is told are understood', async (t) => {
    const { options } = await emptyRepository(t);
    for (const how of ['-vv', '--verbose=2', '-v=1', '--verbose=0', '--cleanup-cache'])
      for (const args of [
        [how, 'snapshots'],
        ['snapshots', how],
      ])
        assert.match((await holdfast(args, options)).stderr, /no restore points/);
  });
});
