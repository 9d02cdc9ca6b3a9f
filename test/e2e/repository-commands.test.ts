/** The command line on repositories, as a user of restic calls it; the real restic judges what it leaves and shares it. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { compareTrees } from '../fixtures/compare-trees.ts';
import { sharedS3Server, type S3Server } from '../servers/s3.ts';
import { emptyRepository as setUp, type Place } from './empty-repository.ts';
import { runHoldfast, type HoldfastOptions } from './holdfast.ts';
import { restic, resticSnapshots } from './restic.ts';
import { s3Environment } from './s3-environment.ts';
import { assertFails, filesIn, holdfast, scratchFolder, type ListedPoint } from './scratch.ts';

async function snapshots(place: Place, ...args: string[]): Promise<readonly ListedPoint[]> {
  const { stdout } = await holdfast(['snapshots', '--json', ...args], place.options);
  return (JSON.parse(stdout) as { restorePoints: ListedPoint[] }).restorePoints;
}

describe('a script that was written for restic runs', { concurrency: true }, () => {
  test('several paths make one snapshot, which restic checks and restores, and ours too', async (t) => {
    const place = await setUp(t);
    const { folder, options } = place;
    await writeFile(join(folder, 'single'), 'one file');
    const paths = [join(folder, 'tree'), join(folder, 'single')];
    await holdfast(['backup', ...paths, '--exclude', '*.tmp', '--tag', 'nightly', '--tag', 'x,y'], options);
    restic(['check', '--read-data'], options);
    const [snapshot, ...others] = resticSnapshots(options);
    assert.deepEqual(others, []);
    assert.deepEqual(snapshot?.paths.toSorted(), paths.toSorted());
    assert.deepEqual(snapshot.tags, ['nightly', 'x', 'y']);
    restic(['restore', 'latest', '--target', 'by-restic'], options);
    await holdfast(['-r', options.env['RESTIC_REPOSITORY'] ?? '', 'restore', 'latest', '--target', 'by-us'], options);
    for (const target of ['by-restic', 'by-us']) {
      const restored = join(folder, target, folder);
      assert.deepEqual(await filesIn(restored), ['single', 'tree/a.txt', 'tree/deep/er/c.txt', 'tree/link']);
    }
    assert.deepEqual(await compareTrees(join(folder, 'by-restic', folder), join(folder, 'by-us', folder)), []);
  });

  test('a relative path stays relative, and the next backup of either adds nothing', async (t) => {
    const { options } = await setUp(t);
    await holdfast(['backup', 'tree'], options);
    const listed = restic(['ls', 'latest'], options).trim().split('\n').slice(1);
    const ours = await holdfast(['-r', 'repo', 'ls', 'latest'], options);
    assert.deepEqual(ours.stdout.trim().split('\n'), listed);
    const again = restic(['backup', 'tree', '--json'], options);
    assert.match(again, /"files_new":0,"files_changed":0,"files_unmodified":3.*"data_added":0/);
    const back = await holdfast(['backup', 'tree', '--json'], options);
    assert.match(back.stdout, /"storedBytes":0/);
    assert.equal(
      restic(['diff', ...resticSnapshots(options).flatMap(({ id }, at) => (at < 2 ? [id] : []))], options).includes(
        '+ ',
      ),
      false,
    );
  });

  test('a backup over a pack that was lost is no success; the index repaired, the next one is, and restores by restic', async (t) => {
    const { folder, options } = await setUp(t);
    await writeFile(join(folder, 'tree/large'), randomBytes(2_000_000));
    restic(['backup', 'tree'], options);
    const packs = (await filesIn(join(folder, 'repo/data'))).map((name) => join(folder, 'repo/data', name));
    const sizes = await Promise.all(packs.map(async (path) => ({ path, size: (await stat(path)).size })));
    await rm(sizes.toSorted((a, b) => b.size - a.size)[0]!.path);
    await assertFails(['backup', 'tree'], { status: 3, says: [/lost or cut short/, /repair index/] }, options);
    await holdfast(['repair', 'index'], options);
    await holdfast(['backup', 'tree'], options);
    restic(['restore', 'latest', '--target', 'back'], options);
    assert.deepEqual(await compareTrees(join(folder, 'tree'), join(folder, 'back/tree')), []);
  });

  test('what is left out: files of patterns, caches, marked folders, names of either case', async (t) => {
    const { folder, options } = await setUp(t);
    for (const [name, content] of [
      ['cache/CACHEDIR.TAG', 'Signature: 8a477f597d28d172789f06886806bc55\n'],
      ['cache/big', 'x'],
      ['marked/.nobackup', ''],
      ['marked/x', 'x'],
      ['UPPER.LOG', 'x'],
    ] as const) {
      await mkdir(join(folder, 'tree', name, '..'), { recursive: true });
      await writeFile(join(folder, 'tree', name), content);
    }
    await writeFile(join(folder, 'patterns'), `# a comment\n*.tmp\n$HOME/tree/deep/er\n`);
    const how = ['--exclude-file', 'patterns', '--exclude-caches', '--exclude-if-present', '.nobackup'];
    await holdfast(['backup', 'tree', ...how, '--iexclude', '*.log'], options);
    const expected = restic(['backup', 'tree', ...how, '--iexclude', '*.log', '--dry-run', '-vv'], options);
    assert.match(expected, /unchanged\s+\/tree\/a\.txt/);
    const { stdout } = await holdfast(['-r', 'repo', 'ls', 'latest'], options);
    const kept = ['a.txt', 'cache', 'cache/CACHEDIR.TAG', 'deep', 'link', 'marked', 'marked/.nobackup'];
    assert.deepEqual(stdout.trim().split('\n'), ['/tree', ...kept.map((name) => `/tree/${name}`)]);
  });

  test('check finds what restic finds: a pack that is gone, a byte that is another', async (t) => {
    const { folder, options } = await setUp(t);
    await holdfast(['backup', 'tree'], options);
    for (const how of [[], ['--read-data'], ['--read-data-subset', '50%'], ['--read-data-subset', '1/1']])
      assert.match((await holdfast(['check', ...how], options)).stdout, /no errors were found/);
    const pack = (await filesIn(join(folder, 'repo'))).find((name) => name.startsWith('data/'));
    const damaged = join(folder, 'repo', pack ?? '');
    const bytes = await readFile(damaged);
    await chmod(damaged, 0o600);
    await writeFile(
      damaged,
      bytes.map((byte, at) => (at === 20 ? byte ^ 1 : byte)),
    );
    assert.equal((await runHoldfast(['check', '--read-data'], options)).status, 2);
    await rm(damaged);
    const found = await runHoldfast(['check'], options);
    assert.equal(found.status, 2);
    assert.match(found.stdout, /errors were found/);
  });

  test('prune removes what no snapshot needs, and a lost index is made anew', async (t) => {
    const { folder, options } = await setUp(t);
    await holdfast(['backup', 'tree'], options);
    await writeFile(join(folder, 'tree/big'), randomBytes(3_000_000));
    await holdfast(['backup', 'tree'], options);
    const sizeOf = async (): Promise<number> => {
      const names = (await filesIn(join(folder, 'repo'))).filter((name) => name.startsWith('data/'));
      const sizes = await Promise.all(names.map(async (name) => (await stat(join(folder, 'repo', name))).size));
      return sizes.reduce((sum, size) => sum + size, 0);
    };
    await holdfast(['forget', 'latest', '--prune', '--max-unused', '0', '--dry-run'], options);
    assert.ok((await sizeOf()) > 3_000_000);
    await holdfast(['forget', 'latest', '--prune', '--max-unused', '0'], options);
    assert.ok((await sizeOf()) < 100_000);
    restic(['check', '--read-data'], options);
    for (const name of await readdir(join(folder, 'repo/index'))) await rm(join(folder, 'repo/index', name));
    assert.equal((await runHoldfast(['check'], options)).status, 2);
    await holdfast(['repair', 'index'], options);
    restic(['check', '--read-data'], options);
    await holdfast(['prune', '--dry-run'], options);
    await assertFails(['prune', '--max-unused', 'some'], { status: 1, says: [/A size such as/] }, options);
  });

  test('snapshots are tagged, rewritten, compared, searched and copied, and restic agrees', async (t) => {
    const { folder, options } = await setUp(t);
    await holdfast(['backup', 'tree', '--tag', 'old'], options);
    await writeFile(join(folder, 'tree/new.txt'), 'new');
    await holdfast(['backup', 'tree'], options);
    await holdfast(['tag', '--set', 'a,b', '--tag', 'old'], options);
    assert.deepEqual(resticSnapshots(options)[0]?.tags, ['a', 'b']);
    const [first = '', second = ''] = resticSnapshots(options).map(({ id }) => id.slice(0, 8));
    const ours = await holdfast(['diff', first, second], options);
    assert.match(ours.stdout, /^\+ +\/tree\/new\.txt$/m);
    assert.match(restic(['diff', first, second], options), /^\+ +\/tree\/new\.txt$/m);
    assert.match((await holdfast(['find', 'NEW.*', '-i'], options)).stdout, new RegExp(`^${second} +/tree/new.txt\n$`));
    assert.equal((await runHoldfast(['find', 'nothing-like-it'], options)).status, 1);
    const raw = JSON.parse(restic(['stats', '--mode', 'raw-data', '--json'], options)) as { total_size: number };
    const counted = await holdfast(['stats', '--mode', 'raw-data', '--json'], options);
    assert.equal((JSON.parse(counted.stdout) as { sizeBytes: number }).sizeBytes, raw.total_size);
    await holdfast(['rewrite', '--exclude', '*.tmp', '--forget'], options);
    assert.doesNotMatch(restic(['ls', 'latest'], options), /b\.tmp/);
    const there = { ...options.env, RESTIC_REPOSITORY: 'copy', HOLDFAST_FROM_PASSWORD: 'a-password-of-tests' };
    await holdfast(['init', '--copy-chunker-params', '--from-repo', 'repo'], { cwd: folder, env: there });
    await holdfast(['copy', '--from-repo', 'repo'], { cwd: folder, env: there });
    assert.equal(resticSnapshots({ cwd: folder, env: there }).length, 2);
    for (const env of [options.env, there]) restic(['check', '--read-data'], { cwd: folder, env });
    assert.equal(
      (JSON.parse((await holdfast(['cat', 'config'], options)).stdout) as { id: string }).id,
      (JSON.parse(restic(['cat', 'config'], options)) as { id: string }).id,
    );
  });

  test('a password is added, changed and removed, and restic opens with what is left', async (t) => {
    const { folder, options } = await setUp(t);
    await writeFile(join(folder, 'second'), 'another-password\n');
    await holdfast(['key', 'add', '--new-password-file', 'second'], options);
    const other = { cwd: folder, env: { ...options.env, RESTIC_PASSWORD: 'another-password' } };
    restic(['snapshots'], other);
    const { keys } = JSON.parse((await holdfast(['key', 'list', '--json'], other)).stdout) as {
      keys: { id: string; current: boolean }[];
    };
    assert.equal(keys.length, 2);
    await holdfast(['key', 'remove', keys.find(({ current }) => !current)?.id.slice(0, 8) ?? ''], other);
    assert.equal((await runHoldfast(['snapshots'], options)).status, 12);
    await writeFile(join(folder, 'third'), 'a-third-password');
    await holdfast(['key', 'passwd', '--new-password-file', 'third'], other);
    restic(['snapshots'], { cwd: folder, env: { ...options.env, RESTIC_PASSWORD: 'a-third-password' } });
    assert.equal((await runHoldfast(['snapshots'], other)).status, 12);
  });

  test('paths come from files, content from standard input, host and time from options', async (t) => {
    const place = await setUp(t);
    const { options } = place;
    const list = { ...options, input: 'tree/*.txt\n# none\ntree/deep\n' };
    await holdfast(['backup', '--files-from', '-', '--host', 'other', '--time', '2024-02-29T10:00:00Z'], list);
    const [snapshot] = resticSnapshots(options);
    assert.deepEqual([snapshot?.hostname, snapshot?.time.slice(0, 19)], ['other', '2024-02-29T10:00:00']);
    await holdfast(['backup', '--stdin', '--stdin-filename', 'dump.sql'], { ...options, input: 'select 1;\n' });
    assert.equal(restic(['dump', 'latest', '/dump.sql'], options), 'select 1;\n');
    assert.equal((await holdfast(['dump', 'latest', '/dump.sql'], options)).stdout, 'select 1;\n');
    assert.equal((await snapshots(place, '--host', 'other')).length, 1);
    assert.equal((await snapshots(place, '--path', '/dump.sql')).length, 1);
    assert.equal((await snapshots(place, 'latest')).length, 1);
  });

  test('a path that is not there makes the backup partial; none at all is a mistake', async (t) => {
    const { options } = await setUp(t);
    const some = await runHoldfast(['backup', 'tree', 'gone'], options);
    assert.equal(some.status, 3, some.stderr);
    assert.match(some.stderr, /gone does not exist/);
    assert.equal(resticSnapshots(options).length, 1);
    await assertFails(['backup', 'gone'], { status: 1, says: [/nothing of what is to be backed up exists/] }, options);
  });

  test('a folder of a snapshot is restored alone, and what is chosen by restic’s patterns', async (t) => {
    const { folder, options } = await setUp(t);
    await holdfast(['backup', join(folder, 'tree')], options);
    await holdfast(['restore', `latest:${folder}/tree/deep`, '--target', 'deep'], options);
    assert.deepEqual(await filesIn(join(folder, 'deep')), ['er/c.txt']);
    await holdfast(['restore', 'latest', '-t', 'some', '-i', 'a.txt', '--include', `${folder}/tree/deep`], options);
    assert.deepEqual(await filesIn(join(folder, 'some', folder)), ['tree/a.txt', 'tree/deep/er/c.txt']);
    await holdfast(['restore', 'latest', '-t', 'rest', '--exclude', 'deep', '-e', '*.tmp'], options);
    assert.deepEqual(await filesIn(join(folder, 'rest', folder)), ['tree/a.txt', 'tree/link']);
    await assertFails(
      ['restore', 'latest:/nowhere', '--target', 'none'],
      { status: 2, says: [/holds no "nowhere"/] },
      options,
    );
  });

  test('forget counts as restic does: by host and paths, whatever made the snapshots', async (t) => {
    const { options } = await setUp(t);
    await holdfast(['backup', 'tree'], options);
    restic(['backup', 'tree'], options);
    await holdfast(['backup', 'tree/deep', '--tag', 'keep'], options);
    await holdfast(['backup', 'tree', '--host', 'other'], options);
    const wanted = restic(['forget', '--keep-last', '1', '--dry-run', '--json'], options);
    const groups = JSON.parse(wanted) as { keep: { id: string }[] }[];
    const kept = groups.flatMap(({ keep }) => keep.map(({ id }) => id)).toSorted();
    await holdfast(['forget', '--keep-last', '1', '--dry-run'], options);
    assert.equal(resticSnapshots(options).length, 4);
    await holdfast(['forget', '--keep-last', '1'], options);
    assert.deepEqual(
      resticSnapshots(options)
        .map(({ id }) => id)
        .toSorted(),
      kept,
    );
    await holdfast(['forget', '--keep-tag', 'keep', '--group-by', ''], options);
    assert.ok(resticSnapshots(options).length >= 1);
    restic(['check'], options);
  });
});

describe('where a repository and its password are said', { concurrency: true }, () => {
  test('by options before and behind the verb, by files, by commands, by our variables, which win', async (t) => {
    const { folder, options } = await setUp(t);
    const { RESTIC_REPOSITORY: repo, RESTIC_PASSWORD: password, HOME } = options.env as Record<string, string>;
    await writeFile(join(folder, 'address'), `${repo}\n`);
    await writeFile(join(folder, 'secret'), `${password}\n`);
    const named = { RESTIC_REPOSITORY: '/nowhere', RESTIC_PASSWORD: 'wrong' };
    const ways: { readonly args: readonly string[]; readonly env: Record<string, string> }[] = [
      { args: ['--repo', repo ?? '', '-p', 'secret', 'snapshots'], env: named },
      { args: ['snapshots', '-r', 'repo', '--password-command', 'cat "secret"'], env: named },
      { args: ['snapshots', '--repository-file', 'address', '--password-file=secret'], env: {} },
      { args: ['snapshots'], env: { RESTIC_REPOSITORY_FILE: 'address', RESTIC_PASSWORD_FILE: 'secret' } },
      { args: ['snapshots'], env: { RESTIC_REPOSITORY: repo ?? '', RESTIC_PASSWORD_COMMAND: 'cat secret' } },
      { args: ['list'], env: { ...named, HOLDFAST_REPOSITORY: repo ?? '', HOLDFAST_PASSWORD: password ?? '' } },
      { args: ['list'], env: { ...named, HOLDFAST_REPOSITORY_FILE: 'address', HOLDFAST_PASSWORD_FILE: 'secret' } },
    ];
    for (const { args, env } of ways)
      assert.match((await holdfast(args, { cwd: folder, env: { HOME, ...env } })).stderr, /no restore points/);
    const typed = await holdfast(['snapshots', '-r', 'repo'], { cwd: folder, env: { HOME }, input: `${password}\n` });
    assert.match(typed.stderr, /no restore points/);
  });

  test('a wrong one ends with restic’s statuses, in words that help', async (t) => {
    const { folder, options } = await setUp(t);
    const withEnv = (env: Record<string, string>): HoldfastOptions => ({
      cwd: folder,
      env: { ...options.env, ...env },
    });
    const cases = [
      [10, /no such directory/, withEnv({ RESTIC_REPOSITORY: 'gone' })],
      [10, /no repository in/, withEnv({ RESTIC_REPOSITORY: join(folder, 'tree') })],
      [12, /opens none of the 1 keys/, withEnv({ RESTIC_PASSWORD: 'wrong' })],
      [12, /no password for repository was given/, withEnv({ RESTIC_PASSWORD: '' })],
      [1, /RESTIC_PASSWORD_FILE: gone can't be read/, withEnv({ RESTIC_PASSWORD_FILE: 'gone' })],
      [1, /"rest:" can't be reached/, withEnv({ RESTIC_REPOSITORY: 'rest:http://host/' })],
      [1, /names no bucket/, withEnv({ RESTIC_REPOSITORY: 's3:https://host' })],
    ] as const;
    for (const [status, words, how] of cases) await assertFails(['snapshots'], { status, says: [words] }, how);
    await assertFails(
      ['snapshots', '--repo', 'repo', '--from', 'vault'],
      { status: 1, says: [/--repo and --from exclude each other/] },
      options,
    );
    await assertFails(['init'], { status: 1, says: [/already/] }, options);
    await assertFails(['backup', 'tree', '--no-such'], { status: 1, says: [/unknown option '--no-such'/] }, options);
    await assertFails(['-r', 'repo', 'backup'], { status: 1, says: [/nothing to back up/] }, options);
  });

  test('a lock of restic keeps forget out with status 11, and unlock leaves it while its owner lives', async (t) => {
    const { options, folder } = await setUp(t);
    await holdfast(['backup', 'tree'], options);
    // A lock of another machine, as restic writes it: a backup that never ends.
    const child = spawn('restic', ['--no-cache', 'backup', '--stdin'], {
      cwd: folder,
      env: { ...process.env, ...options.env },
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    try {
      // Not by the name under which it is written first.
      const isLocked = async (): Promise<boolean> =>
        (await filesIn(join(folder, 'repo/locks'))).some((name) => /^[0-9a-f]{64}$/.test(name));
      while (!(await isLocked())) await delay(50);
      await assertFails(['forget', 'latest'], { status: 11, says: [/is locked/] }, options);
      assert.match((await holdfast(['unlock'], options)).stdout, /^0 lock/);
      assert.match((await holdfast(['unlock', '--remove-all'], options)).stdout, /^1 lock/);
    } finally {
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    }
  });
});

describe('over S3', { concurrency: true }, () => {
  let s3: S3Server;
  before(async () => void (s3 = await sharedS3Server()));
  after(() => s3.stop());

  test('a repository is made, filled and read, and its metadata kept here', async (t) => {
    const folder = await scratchFolder(t);
    await mkdir(join(folder, 'tree'));
    await writeFile(join(folder, 'tree/a'), 'a');
    const bucket = await s3.createBucket();
    const env = {
      ...s3Environment(s3),
      HOME: folder,
      RESTIC_REPOSITORY: `s3:${s3.endpoint}/${bucket}/some/where`,
      RESTIC_PASSWORD: 'a-password-of-tests',
      AWS_DEFAULT_REGION: s3.region,
    };
    const options = { cwd: folder, env };
    await holdfast(['init'], options);
    await holdfast(['backup', 'tree'], options);
    await holdfast(['backup', 'tree', '--no-cache'], options);
    const cache = join(folder, '.cache/holdfast');
    const id = (await readdir(cache)).find((name) => name !== 'CACHEDIR.TAG') ?? '';
    assert.equal((await stat(join(cache, id))).mode & 0o777, 0o700);
    const kinds = await readdir(join(cache, id));
    assert.deepEqual(kinds.toSorted(), ['data', 'index', 'snapshots']);
    const debug = await holdfast(['-r', env.RESTIC_REPOSITORY, 'ls', 'latest', '--log-level', 'debug'], options);
    assert.doesNotMatch(debug.stderr, /store: get [^\n]* key=(?:index|data)\//);
    await holdfast(['restore', 'latest', '--target', 'out', '--cache-dir', 'elsewhere'], options);
    assert.equal(await readFile(join(folder, 'out/tree/a'), 'utf8'), 'a');
    assert.ok(existsSync(join(folder, 'elsewhere/holdfast', id)));
  });
});

test('a configured repository vault: backup, retention, list, restore, and restic beside it', async (t) => {
  const { folder, options } = await setUp(t);
  await writeFile(join(folder, 'secret'), 'a-configured-password\n');
  const configuration = {
    stores: { nas: { type: 'local', path: join(folder, 'nas') } },
    vaults: { main: { type: 'repository', store: 'nas', passwordFile: join(folder, 'secret'), compression: 'max' } },
    jobs: {
      app: { sources: [{ type: 'directory', path: join(folder, 'tree') }], vaults: ['main'], retention: { last: 2 } },
    },
  };
  await writeFile(join(folder, 'holdfast.yaml'), JSON.stringify(configuration));
  const here = { cwd: folder, env: { HOME: folder } };
  assert.match((await holdfast(['config', 'check'], here)).stdout, /ok, 1 job/);
  for (let run = 0; run < 4; run += 1) await holdfast(['backup'], here);
  const listed = JSON.parse((await holdfast(['list', '--json'], here)).stdout) as { restorePoints: ListedPoint[] };
  assert.equal(listed.restorePoints.length, 2);
  await holdfast(['restore', 'latest', '--target', 'out'], here);
  assert.deepEqual(await compareTrees(join(folder, 'tree'), join(folder, 'out')), []);
  await holdfast(['verify', '--read-data'], here);
  const env = { ...options.env, RESTIC_REPOSITORY: join(folder, 'nas'), RESTIC_PASSWORD: 'a-configured-password' };
  restic(['check', '--read-data'], { cwd: folder, env });
  assert.equal(resticSnapshots({ cwd: folder, env }).length, 2);
});
