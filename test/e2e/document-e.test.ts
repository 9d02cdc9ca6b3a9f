/** Backup configurations that were made in a form: their JSON is run as it stands, by `--config file.json`. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes, randomFillSync } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test, type TestContext } from 'node:test';
import { GetObjectCommand } from '@aws-sdk/client-s3';
import { compareTrees } from '../fixtures/compare-trees.ts';
import { sharedS3Server, type S3Server } from '../servers/s3.ts';
import { fakedClock } from './faked-clock.ts';
import { daemonFor } from './daemon-for.ts';
import type { HoldfastOptions } from './holdfast.ts';
import { s3Environment } from './s3-environment.ts';
import { bucketContent } from './s3-objects.ts';
import { assertFails, filesIn, holdfast, scratchFolder, type ListedPoint } from './scratch.ts';

let s3: S3Server;
before(async () => void (s3 = await sharedS3Server()));
after(() => s3.stop());

type Part = Readonly<Record<string, unknown>>;

interface Form {
  readonly folder: string;
  readonly source: string;
  readonly bucket: string;
  readonly options: HoldfastOptions;
  /** The document's JSON with other parts in their place; its source and bucket are the test's. */
  json(parts?: { readonly [name: string]: unknown; readonly options?: Part; readonly destination?: Part }): Part;
  /** Writes what is one configuration, or several, to config.json. */
  configure(document: unknown): Promise<void>;
  /** The keys of the archives, oldest first. */
  archives(): Promise<string[]>;
  bytesOf(key: string): Promise<Uint8Array>;
}

const document = new URL('../fixtures/documents/backup-config.json', import.meta.url);
const config = ['--config', 'config.json'];

async function setUp(t: TestContext): Promise<Form> {
  const folder = await scratchFolder(t);
  const source = join(folder, 'data');
  await mkdir(join(source, 'letters'), { recursive: true });
  await writeFile(join(source, 'letters/first.txt'), 'Dear reader\n');
  await writeFile(join(source, 'numbers.csv'), Array.from({ length: 20_000 }, (_, n) => `${n},${n * n}\n`).join(''));
  const bucket = await s3.createBucket();
  const original = JSON.parse(await readFile(document, 'utf8')) as Record<string, Part>;
  const { AWS_ENDPOINT_URL: endpoint, ...env } = s3Environment(s3);
  const keys = async (): Promise<readonly string[]> => (await bucketContent(s3, bucket)).keys;
  return {
    folder,
    source,
    bucket,
    options: { cwd: folder, env: { ...env, AWS_S3_ENDPOINT: endpoint } },
    json: ({ options, destination, ...parts } = {}) => ({
      ...original,
      sources: [{ path: source }],
      destination: { ...original['destination'], bucket, ...destination },
      options: { ...original['options'], ...options },
      ...parts,
    }),
    configure: (value) => writeFile(join(folder, 'config.json'), JSON.stringify(value)),
    archives: async () => (await keys()).filter((key) => !key.endsWith('.manifest.json')).toSorted(),
    bytesOf: async (key) => {
      const client = s3.client();
      try {
        const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
        return (await Body?.transformToByteArray()) ?? new Uint8Array();
      } finally {
        client.destroy();
      }
    },
  };
}

/** Fetches the one archive and lets `tar` unpack it, below a pipe of other programs. */
async function unpack(form: Form, tar: (file: string) => string): Promise<string> {
  const [key = '', ...others] = await form.archives();
  assert.deepEqual(others, []);
  const [file, target] = [join(form.folder, 'fetched'), join(form.folder, 'unpacked')];
  await writeFile(file, await form.bytesOf(key));
  await mkdir(target);
  execFileSync('bash', ['-o', 'pipefail', '-c', tar(file)], {
    cwd: target,
    env: { ...process.env, ...form.options.env },
  });
  return target;
}

async function listed(form: Form): Promise<readonly ListedPoint[]> {
  const { stdout } = await holdfast(['list', ...config, '--json'], form.options);
  return (JSON.parse(stdout) as { restorePoints: ListedPoint[] }).restorePoints;
}

describe('the JSON of the document', { concurrency: true }, () => {
  test('leaves one tar.gz of the directory in its bucket, which restore brings back', async (t) => {
    const form = await setUp(t);
    await form.configure(form.json());
    await holdfast(['config', 'check', ...config], form.options);
    await holdfast(['backup', ...config], form.options);
    assert.match((await form.archives()).join(), /\.tar\.gz$/);
    const unpacked = await unpack(form, (file) => `tar -xzpf ${file}`);
    assert.deepEqual(await compareTrees(form.source, join(unpacked, form.source)), []);
    await holdfast(['verify', '--read-data', ...config], form.options);
    const target = join(form.folder, 'restored');
    await holdfast(['restore', 'latest', ...config, '--target', target], form.options);
    assert.deepEqual(await compareTrees(form.source, join(target, form.source)), []);
  });

  test('goes to prefix and endpoint of its destination, and without compression is a plain tar', async (t) => {
    const form = await setUp(t);
    const destination = { prefix: 'nightly/data', endpoint: s3.endpoint };
    await form.configure(form.json({ destination, options: { compression: false } }));
    const env = { ...form.options.env, AWS_S3_ENDPOINT: undefined };
    await holdfast(['backup', ...config], { ...form.options, env });
    assert.match((await form.archives()).join(), /^nightly\/data\/[^,]*\.tar$/);
    const unpacked = await unpack(form, (file) => `tar -xpf ${file}`);
    assert.deepEqual(await compareTrees(form.source, join(unpacked, form.source)), []);
  });

  test('compresses as its level says', async (t) => {
    const form = await setUp(t);
    const sizes: number[] = [];
    for (const compressionLevel of [1, 9]) {
      const destination = { prefix: `level-${compressionLevel}/` };
      await form.configure(form.json({ destination, options: { compressionLevel } }));
      await holdfast(['backup', ...config], form.options);
      const key = (await form.archives()).find((each) => each.startsWith(destination.prefix)) ?? '';
      sizes.push((await form.bytesOf(key)).length);
    }
    const [fast = 0, small = 0] = sizes;
    assert.ok(small > 0 && small < fast, `${fast} bytes at level 1, ${small} at 9`);
  });

  test('is encrypted by BACKUP_ENCRYPTION_KEY: openssl opens it, restore too, and no other key', async (t) => {
    const form = await setUp(t);
    await form.configure(form.json({ options: { encryption: true } }));
    const key = randomBytes(32).toString('base64');
    await assertFails(['backup', ...config], { status: 1, says: [/BACKUP_ENCRYPTION_KEY/] }, form.options);
    assert.deepEqual(await form.archives(), []);
    const withKey = (value: string): HoldfastOptions => ({
      ...form.options,
      env: { ...form.options.env, BACKUP_ENCRYPTION_KEY: value },
    });
    await holdfast(['backup', ...config], withKey(key));
    const decrypt = 'openssl enc -d -aes-256-cbc -pbkdf2 -pass env:BACKUP_ENCRYPTION_KEY';
    const opening: Form = { ...form, options: withKey(key) };
    const unpacked = await unpack(opening, (file) => `${decrypt} -in ${file} | tar -xzp`);
    assert.deepEqual(await compareTrees(form.source, join(unpacked, form.source)), []);
    const target = join(form.folder, 'restored');
    await holdfast(['restore', 'latest', ...config, '--target', target], withKey(key));
    assert.deepEqual(await compareTrees(form.source, join(target, form.source)), []);
    const refused = ['restore', 'latest', ...config, '--target', `${target}-2`];
    await assertFails(refused, { status: 12, says: [/key|passphrase/] }, withKey(`${key}x`));
    assert.deepEqual(await filesIn(`${target}-2`), []);
  });

  test('keeps what its patterns say, of each of its sources', async (t) => {
    const form = await setUp(t);
    const other = join(form.folder, 'other');
    await mkdir(join(other, 'cache'), { recursive: true });
    for (const name of ['a.md', 'b.md', 'c.tmp', 'cache/d.md']) await writeFile(join(other, name), name);
    const sources = [
      { path: form.source, excludePatterns: ['*.csv'] },
      { path: other, includePatterns: ['*.md'], excludePatterns: ['cache/**', 'b.md'] },
    ];
    await form.configure(form.json({ sources }));
    await holdfast(['backup', ...config], form.options);
    const target = join(form.folder, 'restored');
    await holdfast(['restore', 'latest', ...config, '--target', target], form.options);
    const kept = [join(form.source, 'letters/first.txt'), join(other, 'a.md')].map((path) => path.slice(1));
    assert.deepEqual(await filesIn(target), kept.toSorted());
  });

  test('with an empty list of patterns, as a form sends it, keeps everything', async (t) => {
    const form = await setUp(t);
    const sources = [{ path: form.source, includePatterns: [], excludePatterns: [] }];
    await form.configure(form.json({ sources }));
    await holdfast(['backup', ...config], form.options);
    const unpacked = await unpack(form, (file) => `tar -xzpf ${file}`);
    assert.deepEqual(await compareTrees(form.source, join(unpacked, form.source)), []);
  });

  test('deletes what is older than retentionDays, once a newer backup stands, and nothing else', async (t) => {
    const form = await setUp(t);
    await form.configure(form.json({ options: { retentionDays: 30 } }));
    const at = (offset: string): HoldfastOptions => ({
      ...form.options,
      env: { ...form.options.env, ...fakedClock(offset) },
    });
    for (const offset of ['-40d', '-20d']) await holdfast(['backup', ...config], at(offset));
    const [old = '', newer = ''] = await form.archives();
    assert.ok(newer !== '', 'the first was deleted before its time');
    await holdfast(['backup', ...config], form.options);
    const left = await form.archives();
    assert.deepEqual([left.length, left.includes(old), left.includes(newer)], [2, false, true]);
    await holdfast(['verify', '--read-data', ...config], form.options);
  });

  test('sends no faster than its bandwidth', async (t) => {
    const form = await setUp(t);
    await writeFile(join(form.source, 'noise'), randomFillSync(Buffer.alloc(1_500_000)));
    await form.configure(form.json({ options: { bandwidth: 500 } }));
    const startedMs = performance.now();
    await holdfast(['backup', ...config], form.options);
    // A limit can't be seen but by the time that it takes at least: 3 s, of which a first burst may go off.
    assert.ok(performance.now() - startedMs > 2000);
  });
});

describe('of several configurations', { concurrency: true }, () => {
  test('each that is enabled is run, one that is not is left alone, and can still be restored from', async (t) => {
    const form = await setUp(t);
    const of = (name: string, enabled: boolean): Part =>
      form.json({ name, enabled, destination: { prefix: `${name}/` } });
    await form.configure([of('one', true), of('two', true)]);
    await holdfast(['backup', ...config], form.options);
    await form.configure({ configs: [of('one', true), of('two', false)] });
    await holdfast(['backup', ...config], form.options);
    const folders = (await form.archives()).map((key) => key.split('/')[0]);
    assert.deepEqual(folders, ['one', 'one', 'two']);
    assert.equal((await listed(form)).length, 3);
    const target = join(form.folder, 'restored');
    await holdfast(['restore', 'latest', ...config, '--vault', 's3-2', '--target', target], form.options);
    assert.deepEqual(await compareTrees(form.source, join(target, form.source)), []);
  });

  test('in one bucket each backup is shown once, by the vault that can open it, and comes back', async (t) => {
    const form = await setUp(t);
    const env = { ...form.options.env, BACKUP_ENCRYPTION_KEY: 'an encryption key of tests' };
    const options: HoldfastOptions = { ...form.options, env };
    await form.configure([
      form.json({ name: 'open' }),
      form.json({ name: 'sealed', options: { encryption: true } }),
      form.json({ name: 'deeper', destination: { prefix: 'deeper' }, options: { encryption: true } }),
    ]);
    await holdfast(['backup', ...config], options);
    const { stdout } = await holdfast(['list', ...config, '--json'], options);
    const { restorePoints } = JSON.parse(stdout) as { restorePoints: { id: string; job: string; vault: string }[] };
    const names = new Map(restorePoints.map(({ job, vault }) => [job, vault]));
    const expected = { open: 's3-1', sealed: 's3-2', deeper: 's3-3' };
    assert.deepEqual([restorePoints.length, Object.fromEntries(names)], [3, expected]);
    await holdfast(['verify', '--read-data', ...config], options);
    for (const { id, job } of restorePoints) {
      const target = join(form.folder, job);
      await holdfast(['restore', id, ...config, '--target', target], options);
      assert.deepEqual(await compareTrees(form.source, join(target, form.source)), []);
    }
    const forgotten = await holdfast(['forget', restorePoints[0]?.id ?? '', ...config, '--json'], options);
    assert.equal((JSON.parse(forgotten.stdout) as { forgotten: object[] }).forgotten.length, 1);
    assert.equal((await form.archives()).length, 2);
  });

  test('each line of the scheduler’s log names the one that it is about', async (t) => {
    const form = await setUp(t);
    await form.configure([form.json({ name: 'one' }), form.json({ name: 'two', destination: { prefix: 'two' } })]);
    const daemon = daemonFor(t, ['daemon', ...config], form.options);
    for (const name of ['one', 'two']) await daemon.shows(new RegExp(`INFO ${name}: Next backup scheduled for: `));
    daemon.kill('SIGTERM');
    const { status, stdout } = await daemon.ended;
    assert.equal(status, 0);
    for (const line of stdout.trimEnd().split('\n')) assert.match(line, /^[\d:TZ-]+ [A-Z]+ (?:one|two): \S/);
  });

  test('the only one is not run when it is not enabled, and that is said', async (t) => {
    const form = await setUp(t);
    await form.configure(form.json({ enabled: false }));
    await assertFails(['backup', ...config], { status: 1, says: [/no job/] }, form.options);
    assert.deepEqual(await form.archives(), []);
  });
});

describe('an incremental backup', { concurrency: true }, () => {
  test('goes into a repository below its prefix, which restic reads, and every other mistake is told', async (t) => {
    const form = await setUp(t);
    const options = { type: 'incremental', retentionDays: 7 };
    await form.configure(form.json({ options, destination: { prefix: 'app' } }));
    await assertFails(['backup', ...config], { status: 1, says: [/BACKUP_ENCRYPTION_KEY is not set/] }, form.options);
    const key = 'an encryption key of tests';
    const env = { ...form.options.env, BACKUP_ENCRYPTION_KEY: key, HOME: form.folder };
    for (let run = 0; run < 2; run += 1) await holdfast(['backup', ...config], { ...form.options, env });
    const { keys } = await bucketContent(s3, form.bucket);
    assert.ok(keys.length > 5 && keys.every((name) => name.startsWith('app/repository/')));
    assert.equal(keys.filter((name) => name.startsWith('app/repository/snapshots/')).length, 2);
    assert.equal((await listed({ ...form, options: { ...form.options, env } })).length, 2);
    const target = join(form.folder, 'restored');
    await holdfast(['restore', 'latest', ...config, '--target', target], { ...form.options, env });
    assert.deepEqual(await compareTrees(form.source, join(target, form.source)), []);
    await form.configure(form.json({ options: { type: 'incremental', compressionLevel: 12 }, schedule: {} }));
    const all = [/compressionLevel/, /cronExpression/, /timezone/, /options\.(?:type|encryption)/];
    await assertFails(['backup', ...config], { status: 1, says: all }, form.options);
  });
});
