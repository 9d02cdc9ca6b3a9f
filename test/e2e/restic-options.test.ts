/** Options of restic's commands, one by one: what they print and leave is what the real restic prints and leaves. */
import assert from 'node:assert/strict';
import { link, mkdir, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test, type TestContext } from 'node:test';
import type { RepositoryVault } from '../../src/vault/repository/index.ts';
import { lockRepository } from '../../src/vault/repository/lock/repository-lock.ts';
import { withVault } from '../fixtures/repository-vault.ts';
import { sharedS3Server, type S3Server } from '../servers/s3.ts';
import { emptyRepository, type Place } from './empty-repository.ts';
import { runHoldfast } from './holdfast.ts';
import { restic, resticSnapshots } from './restic.ts';
import { s3Environment } from './s3-environment.ts';
import { assertFails, filesIn, holdfast } from './scratch.ts';

/** The lines that a command of ours prints. */
async function ours(args: readonly string[], { options }: Place): Promise<readonly string[]> {
  return linesOf((await holdfast(args, options)).stdout);
}

const linesOf = (text: string): readonly string[] => text.split('\n').filter((line) => line !== '');

describe('find', { concurrency: true }, () => {
  test('takes what was changed between two times, as restic does', async (t) => {
    const place = await emptyRepository(t);
    const { folder, options } = place;
    const times = { 'a.txt': '2020-01-02 03:04:05', 'b.tmp': '2020-01-02 03:04:06', 'deep/er/c.txt': '2021-06-01' };
    for (const [name, time] of Object.entries(times)) {
      const date = new Date(time.includes(' ') ? time : `${time} 00:00`);
      await utimes(join(folder, 'tree', name), date, date);
    }
    await holdfast(['backup', 'tree'], options);
    const bounds = [
      ['--oldest', '2020-01-02 03:04:06'],
      ['-O', '02.01.2020 03:04', '--newest', '2020-01-02 03:04:05'],
      ['-N', '2021-06-01'],
      ['-O', '2020-01-02', '-N', '2021-05-31 23:59'],
    ];
    for (const bound of bounds) {
      const found = await ours(['find', '*.t*', ...bound], place);
      const expected = linesOf(restic(['find', '-q', '*.t*', ...bound], options));
      assert.ok(expected.length > 0);
      assert.deepEqual(
        found.map((line) => line.slice(10)),
        expected,
        bound.join(' '),
      );
    }
    await assertFails(['find', 'a', '-O', 'yesterday'], { status: 1, says: [/A time such as/] }, options);
    await assertFails(['find', 'a', '-O', '2020-01-01', '--blob'], { status: 1, says: [/are for files/] }, options);
  });

  test('--long shows mode, owner, size and time as ls does', async (t) => {
    const place = await emptyRepository(t);
    await holdfast(['backup', 'tree'], place.options);
    const listed = await ours(['ls', '-l', 'latest'], place);
    const found = await ours(['find', '-l', 'tree'], place);
    assert.deepEqual(
      found.map((line) => line.slice(10).replace(' /tree', ' tree')),
      listed.slice(1),
    );
    const { stdout } = await holdfast(['find', 'a.txt', '--json'], place.options);
    const { sizeBytes, mode } = JSON.parse(stdout) as { sizeBytes: number; mode: number };
    assert.deepEqual([sizeBytes, mode], [1, 0o644]);
  });

  test('--show-pack-id names the pack of a blob and of a tree', async (t) => {
    const place = await emptyRepository(t);
    const { options } = place;
    await holdfast(['backup', 'tree'], options);
    const blobs = linesOf(restic(['list', 'blobs'], options)).map((line) => line.split(' '));
    for (const [type = '', id = ''] of blobs) {
      const how = [type === 'tree' ? '--tree' : '--blob', '--show-pack-id', id];
      const [, packId] = /belongs to pack (\w+)/.exec(restic(['find', ...how], options)) ?? [];
      for (const line of await ours(['find', ...how], place)) assert.match(line, new RegExp(`${id}  pack ${packId} `));
      const { stdout } = await holdfast(['find', '--json', ...how], options);
      assert.equal((JSON.parse(stdout.split('\n')[0] ?? '') as { pack: string }).pack, packId);
    }
    await assertFails(['find', 'a', '--show-pack-id'], { status: 1, says: [/is for --blob and --tree/] }, options);
  });
});

interface GroupDocument {
  readonly group_key: { readonly hostname: string; readonly paths: string[] | null; readonly tags: string[] | null };
  readonly snapshots: readonly { readonly id: string }[];
}

const idsByGroup = (groups: readonly GroupDocument[]): readonly unknown[] =>
  groups
    .map(({ group_key: key, snapshots }) => [JSON.stringify(key), snapshots.map(({ id }) => id).toSorted()] as const)
    .toSorted(([a], [b]) => (a < b ? -1 : 1));

describe('snapshots and forget', { concurrency: true }, () => {
  test('are grouped as restic groups them, and are all there without groups as well', async (t) => {
    const place = await emptyRepository(t);
    const { options } = place;
    await holdfast(['backup', 'tree', '--tag', 'y,x'], options);
    await holdfast(['backup', 'tree', '--host', 'other'], options);
    await holdfast(['backup', 'tree/deep', '--host', 'other', '--tag', 'x,y'], options);
    await holdfast(['backup', 'tree', '--host', 'other'], options);
    for (const how of [['host'], ['host,paths'], ['tags'], ['host,paths,tags'], [''], ['paths', '--latest', '1']]) {
      const args = ['snapshots', '--json', '--group-by', ...how];
      const { groups } = JSON.parse((await holdfast(args, options)).stdout) as { groups: GroupDocument[] };
      const expected = JSON.parse(restic(args, options)) as GroupDocument[] | GroupDocument['snapshots'];
      if (how[0] === '') assert.equal(groups[0]?.snapshots.length, expected.length);
      else assert.deepEqual(idsByGroup(groups), idsByGroup(expected as GroupDocument[]), how.join(' '));
    }
    const { stdout } = await holdfast(['list', '-g', 'host', '--json'], options);
    assert.equal((JSON.parse(stdout) as { restorePoints: unknown[] }).restorePoints.length, 4);
    const lines = await ours(['snapshots', '-g', 'host,tags'], place);
    assert.deepEqual(
      lines.filter((line) => line.startsWith('host ')).map((line) => line.replace(/^host \S+,/, '')),
      [' tags x, y:', ' tags none:', ' tags x, y:'],
    );
    await assertFails(['list', '-g', 'size'], { status: 1, says: [/host, paths, tags/] }, options);
  });

  test('--compact shows host and tags', async (t) => {
    const place = await emptyRepository(t);
    await holdfast(['backup', 'tree', '--tag', 'x,y', '--host', 'one'], place.options);
    await holdfast(['backup', 'tree', '--host', 'one'], place.options);
    const listed = await ours(['snapshots', '-c'], place);
    assert.match(listed[0] ?? '', /^ID +TIME \(UTC\) +HOST +TAGS$/);
    assert.match(listed[1] ?? '', /^\w{8} .* one +x,y$/);
    const policy = await ours(['forget', '-c', '--keep-last', '1', '--dry-run'], place);
    assert.match(policy.at(-2) ?? '', / one +keep$/);
    assert.match(policy.at(-1) ?? '', / one +x,y +remove$/);
    const named = await ours(['forget', '--compact', 'latest', '--dry-run'], place);
    assert.match(named[0] ?? '', /HOST +TAGS$/);
  });
});

describe('ls', { concurrency: true }, () => {
  test('lists one level of the folders that are named, and all of it with --recursive, as restic does', async (t) => {
    const place = await emptyRepository(t);
    const { folder, options } = place;
    await mkdir(join(folder, 'tree/deepest'));
    await writeFile(join(folder, 'tree/deepest/d'), 'd');
    await holdfast(['backup', 'tree'], options);
    for (const paths of [
      [],
      ['/'],
      ['/tree'],
      ['/tree/deep'],
      ['/tree/deep/'],
      ['/tree/a.txt', '/tree/deep'],
      ['/tree', '/tree/deep/er'],
      ['/nowhere'],
    ])
      for (const how of [[], ['--recursive']]) {
        const listed = await ours(['-r', 'repo', 'ls', ...how, 'latest', ...paths], place);
        const expected = linesOf(restic(['-r', 'repo', 'ls', ...how, 'latest', ...paths], options)).slice(1);
        assert.deepEqual(listed, expected, [...how, ...paths].join(' '));
      }
    const json = await ours(['-r', 'repo', 'ls', '--json', 'latest', '/tree/deep'], place);
    assert.equal(json.length, 2);
  });

  test('lists all below a folder of another vault, and of several', async (t) => {
    const place = await emptyRepository(t);
    await holdfast(['backup', 'tree', '--to', 'vault'], place.options);
    const listed = await ours(['ls', 'latest', 'deep', 'a.txt', '--from', 'vault'], place);
    assert.deepEqual(
      listed.map((line) => line.split(' ').at(-1)),
      ['a.txt', 'deep', 'deep/er', 'deep/er/c.txt'],
    );
    assert.equal((await ours(['ls', 'latest', '--from', 'vault'], place)).length, 7);
  });
});

describe('restore --verify', { concurrency: true }, () => {
  test('reads back what was restored, and ends as partial where it is not what the restore point says', async (t) => {
    const place = await emptyRepository(t);
    const { folder, options } = place;
    const seconds = 1_600_000_000;
    await link(join(folder, 'tree/a.txt'), join(folder, 'tree/a.twin'));
    await utimes(join(folder, 'tree/deep/er/c.txt'), seconds, seconds);
    await holdfast(['backup', 'tree'], options);
    await holdfast(['backup', 'tree', '--to', 'vault'], options);
    for (const [from, target, inner] of [
      ['--repo=repo', 'whole', 'whole/tree'],
      ['--from=vault', 'archive', 'archive'],
    ] as const) {
      const restore = ['restore', 'latest', from, '--target', target, '--verify'];
      assert.match((await ours(restore, place)).at(-1) ?? '', /^4 files, 3 B read back and verified$/);
      const damaged = join(folder, inner, 'deep/er/c.txt');
      await writeFile(damaged, 'C');
      await utimes(damaged, seconds, seconds); // it has its size and time, and is left alone
      const again = await runHoldfast([...restore, '--overwrite', 'if-changed', '--json'], options);
      assert.equal(again.status, 3, again.stderr);
      const { status, verified, problems } = JSON.parse(again.stdout) as {
        status: string;
        verified: unknown;
        problems: { path: string; kind: string }[];
      };
      assert.deepEqual([status, verified], ['partial', { files: 3, bytes: 2 }]);
      assert.deepEqual(
        problems.map(({ path, kind }) => [path.split('/').at(-1), kind]),
        [['c.txt', 'content']],
      );
    }
    const below = await ours(['restore', 'latest:/tree/deep', '-r', 'repo', '-t', 'deep', '--verify'], place);
    assert.match(below.at(-1) ?? '', /^1 files, 1 B read back/);
    const some = await ours(['restore', 'latest', '-r', 'repo', '-t', 'some', '-i', 'b.*', '--verify'], place);
    assert.match(some.at(-1) ?? '', /^1 files, 1 B read back/);
    const dry = ['restore', 'latest', '-t', 'dry', '--verify', '--dry-run'];
    await assertFails(dry, { status: 1, says: [/--dry-run and --verify exclude each other/] }, options);
  });
});

describe('--no-lock', { concurrency: true }, () => {
  test('reads a repository in which nothing can be written, and leaves it as it is', async (t) => {
    const place = await emptyRepository(t);
    const { folder, options } = place;
    await holdfast(['backup', 'tree'], options);
    const there = { cwd: folder, env: { ...options.env, RESTIC_REPOSITORY: 'copy' } };
    await holdfast(['init'], there);
    // No lock can be written there, not even by root.
    await rm(join(folder, 'repo/locks'), { recursive: true, force: true });
    await writeFile(join(folder, 'repo/locks'), '');
    const before = await filesIn(join(folder, 'repo'));
    const secret = { ...there, env: { ...there.env, RESTIC_FROM_PASSWORD: 'a-password-of-tests' } };
    const locking = [
      [['copy', '--from-repo', 'repo'], secret],
      [['prune', '--dry-run'], options],
      [['rewrite', '--exclude', 'a.txt', '--dry-run'], options],
      [['repair', 'snapshots', '--dry-run'], options],
    ] as const;
    for (const [args, how] of locking) {
      assert.notEqual((await runHoldfast(args, how)).status, 0, args.join(' '));
      await holdfast(['--no-lock', ...args], how);
    }
    const reading = [
      ['snapshots'],
      ['ls', 'latest'],
      ['find', 'a.txt'],
      ['stats'],
      ['check', '--read-data'],
      ['key', 'list'],
    ];
    for (const args of [...reading, ['restore', 'latest', '--target', 'out']])
      await holdfast([...args, '--no-lock'], options);
    // What writes has its lock all the same.
    assert.notEqual((await runHoldfast(['backup', 'tree', '--no-lock'], options)).status, 0);
    assert.deepEqual(await filesIn(join(folder, 'repo')), before);
    assert.equal(resticSnapshots(there).length, 1);
  });
});

test('backup and forget end with the status that says what kept them from the repository', async (t) => {
  const { folder, options } = await emptyRepository(t);
  for (let round = 0; round < 2; round += 1) await holdfast(['backup', 'tree'], options);
  const commands = [
    ['backup', 'tree'],
    ['forget', '--keep-last', '1'],
    ['forget', '--keep-last', '1', '--prune'],
    ['forget', 'latest'],
  ];
  const assertAllEnd = async (status: number, env: Readonly<Record<string, string>> = {}): Promise<void> => {
    for (const args of commands) {
      const ended = await runHoldfast(args, { cwd: folder, env: { ...options.env, ...env } });
      assert.equal(ended.status, status, `${args.join(' ')}\n${ended.stderr}`);
    }
  };
  await assertAllEnd(10, { RESTIC_REPOSITORY: join(folder, 'nothing') });
  await assertAllEnd(12, { RESTIC_PASSWORD: 'wrong' });
  const locking = { host: 'elsewhere', user: 'kim', exclusive: true, signal: new AbortController().signal };
  const work = async (vault: RepositoryVault): Promise<void> => {
    const lock = await lockRepository(await vault.open(locking.signal, false), locking);
    await assertAllEnd(11);
    await lock.release();
  };
  await withVault(join(folder, 'repo'), work, { spec: { password: options.env['RESTIC_PASSWORD'] ?? '' } });
  assert.equal(resticSnapshots(options).length, 2);
});

describe('--key-hint', { concurrency: true }, () => {
  test('opens with the key that it names, where the password opens several; one that it does not open, is no harm', async (t) => {
    const place = await emptyRepository(t);
    const { folder, options } = place;
    await writeFile(join(folder, 'same'), 'a-password-of-tests');
    await writeFile(join(folder, 'other'), 'another-password');
    for (const file of ['same', 'other']) await holdfast(['key', 'add', '--new-password-file', file], options);
    const keys = restic(['list', 'keys'], options).trim().split('\n');
    assert.equal(keys.length, 3);
    const used = async (args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<string> => {
      const { stdout } = await holdfast(['key', 'list', '--json', ...args], {
        cwd: folder,
        env: { ...options.env, ...env },
      });
      const listed = (JSON.parse(stdout) as { keys: { id: string; current: boolean }[] }).keys;
      return listed.find(({ current }) => current)?.id ?? '';
    };
    const opening = new Set<string>();
    for (const key of keys) {
      const byOption = await used(['--key-hint', key.slice(0, 8)]);
      const byRestic = /^\*(\w+)/m.exec(restic(['key', 'list', '--key-hint', key], options))?.[1] ?? '';
      assert.equal(byOption === key, key.startsWith(byRestic));
      assert.equal(await used([], { RESTIC_KEY_HINT: key }), byOption);
      opening.add(byOption);
    }
    assert.equal(opening.size, 2);
    await used(['--key-hint', 'no-key']);
    const there = { ...options.env, RESTIC_REPOSITORY: 'copy', RESTIC_FROM_PASSWORD: 'a-password-of-tests' };
    await holdfast(['init'], { cwd: folder, env: there });
    await holdfast(['copy', '--from-repo', 'repo', '--from-key-hint', keys[0] ?? ''], { cwd: folder, env: there });
  });
});

describe('over S3', { concurrency: true }, () => {
  let s3: S3Server;
  before(async () => void (s3 = await sharedS3Server()));
  after(() => s3.stop());

  /** A folder and an empty repository in a bucket, which is asked by TLS where `endpoint` says so. */
  async function remote(t: TestContext, endpoint: string): Promise<Place> {
    const { folder, options } = await emptyRepository(t);
    const repository = `s3:${endpoint}/${await s3.createBucket()}/prefix`;
    const env = { ...options.env, ...s3Environment(s3), HOME: folder, AWS_DEFAULT_REGION: s3.region };
    return { folder, options: { cwd: folder, env: { ...env, RESTIC_REPOSITORY: repository } } };
  }

  test('--insecure-tls takes a certificate that nobody vouches for, and warns', async (t) => {
    const { options } = await remote(t, s3.tlsEndpoint);
    await assertFails(['init'], { status: 2, says: [/certificate/] }, options);
    const made = await holdfast(['init', '--insecure-tls'], options);
    assert.match(made.stderr, /No certificate is checked/);
    await holdfast(['--insecure-tls', 'backup', 'tree'], options);
    assert.match(restic(['--insecure-tls', 'ls', 'latest'], options), /a\.txt/);
    assert.equal((await runHoldfast(['list'], options)).status, 2);
    const secure = await holdfast(['list', '--cacert', s3.caFile], options);
    assert.doesNotMatch(secure.stderr, /No certificate is checked/);
  });

  test('-o says how a bucket is asked and what class its objects have, as restic does', async (t) => {
    const { options } = await remote(t, s3.endpoint);
    const said = ['-o', 's3.bucket-lookup=path', '--option', 's3.storage-class=STANDARD', '-o', 's3.connections=3'];
    await holdfast(['init', ...said], options);
    await holdfast([...said, 'backup', 'tree'], options);
    assert.match(restic([...said, 'ls', 'latest'], options), /a\.txt/);
    const wrong = ['list', '-o', 's3.bucket-lookup=none'];
    await assertFails(wrong, { status: 1, says: [/s3\.bucket-lookup can't be "none"/] }, options);
  });

  test('check asks the repository for everything, and with --with-cache not for what is kept here', async (t) => {
    const { options } = await remote(t, s3.endpoint);
    await holdfast(['init'], options);
    await holdfast(['backup', 'tree'], options);
    await holdfast(['ls', 'latest'], options);
    const asked = async (...args: string[]): Promise<number> => {
      const { stderr, stdout } = await holdfast(['check', ...args, '--log-level', 'debug'], options);
      assert.match(stdout, /no errors were found/);
      return [...stderr.matchAll(/store: get [^\n]* key=(?:index|snapshots|data)\//g)].length;
    };
    assert.ok((await asked()) >= 3);
    assert.equal(await asked('--with-cache'), 0);
  });
});
