/** Daemons beside each other, daemons that are killed or frozen, and whom they tell. */
import assert from 'node:assert/strict';
import { randomFillSync } from 'node:crypto';
import { GetObjectCommand } from '@aws-sdk/client-s3';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { sharedS3Server, type S3Server } from '../servers/s3.ts';
import { daemonFor, until } from './daemon-for.ts';
import { fakedClock } from './faked-clock.ts';
import { runHoldfast } from './holdfast.ts';
import { s3Environment } from './s3-environment.ts';
import { bucketContent } from './s3-objects.ts';
import { filesIn, holdfast, scratchFolder } from './scratch.ts';
import { startWebhookReceiver } from './webhook-receiver.ts';

let s3: S3Server;

before(async () => {
  s3 = await sharedS3Server();
});

after(() => s3.stop());

interface Configured {
  readonly folder: string;
  readonly args: readonly string[];
}

/** A configuration of one job, which reads 400 KB that no compression makes small. `more` are further lines of it. */
async function configured(t: TestContext, store: string, more: string): Promise<Configured> {
  const folder = await scratchFolder(t);
  await mkdir(join(folder, 'files'));
  await writeFile(join(folder, 'files/noise'), randomFillSync(Buffer.alloc(400_000)));
  const file = join(folder, 'holdfast.yaml');
  const text = `stores:
  place: ${store}
vaults:
  main: { type: archive, store: place }
jobs:
  app:
    sources:
      - { type: directory, path: ${folder}/files }
    vaults: [main]
${more}`;
  await writeFile(file, text);
  return { folder, args: ['--config', file] };
}

interface Span {
  readonly startedAt: string;
  readonly finishedAt: string;
}

/** When the runs read and wrote, by the manifests that they left, in order. */
async function spansIn(bucket: string): Promise<Span[]> {
  const { keys } = await bucketContent(s3, bucket);
  const client = s3.client();
  try {
    const manifests = keys
      .filter((key) => key.endsWith('.manifest.json'))
      .map(async (Key) => {
        const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key }));
        return JSON.parse((await Body?.transformToString()) ?? '') as Span;
      });
    return (await Promise.all(manifests)).sort((a, b) => (a.startedAt < b.startedAt ? -1 : 1));
  } finally {
    client.destroy();
  }
}

test('two daemons on one bucket never run one job at the same time', { timeout: 300_000 }, async (t) => {
  const bucket = await s3.createBucket();
  const more = [
    '    schedule: { every: 1 }',
    '    lock: { expiry: 10 }',
    '    log: { style: text }',
    '    limits: { uploadKBps: 200 }', // a run takes longer than the pause: they can't help meeting
    '',
  ];
  const { args } = await configured(t, `{ type: s3, bucket: ${bucket} }`, more.join('\n'));
  const env = s3Environment(s3);
  const daemons = [1, 2].map(() => daemonFor(t, ['daemon', ...args], { env }));
  await until('four runs are done', async () => (await spansIn(bucket)).length >= 4);
  for (const daemon of daemons) daemon.kill('SIGTERM');
  const ended = await Promise.all(daemons.map((daemon) => daemon.ended));
  assert.deepEqual(
    ended.map(({ status }) => status),
    [0, 0],
  );
  const log = ended.map(({ stdout }) => stdout).join('');
  assert.match(log, /WARNING Backup skipped: another run of this job is under way/);
  const spans = await spansIn(bucket);
  assert.equal(log.match(/SUCCESS Backup completed/g)?.length, spans.length);
  for (const [index, { startedAt }] of spans.slice(1).entries())
    assert.ok((spans[index]?.finishedAt ?? '') <= startedAt, `two runs overlap:\n${JSON.stringify(spans)}`);
});

/** A program that starts another one among process numbers of its own, as a container does; its end is both's. */
const asContainer = [
  'unshare',
  ...(process.getuid?.() === 0 ? [] : ['--map-root-user']),
  '--pid',
  '--fork',
  '--kill-child=KILL',
];

test(
  'when the holder of the lock is killed, another daemon takes over after the expiry, and says so',
  { timeout: 300_000 },
  async (t) => {
    const bucket = await s3.createBucket();
    const store = `{ type: s3, bucket: ${bucket} }`;
    const more = '    schedule: { every: 1 }\n    lock: { expiry: 10 }\n';
    const slow = await configured(t, store, `${more}    limits: { uploadKBps: 10 }\n`);
    const fast = await configured(t, store, more);
    const env = s3Environment(s3);
    const holder = daemonFor(t, ['daemon', ...slow.args], { env, below: asContainer });
    await holder.shows(/INFO Reading files/);
    const other = daemonFor(t, ['daemon', ...fast.args], { env });
    await other.shows(/Backup skipped: another run of this job is under way/);
    holder.kill('SIGKILL');
    await holder.ended;
    await other.shows(/SUCCESS Backup completed successfully/);
    other.kill('SIGTERM');
    const { status, stderr } = await other.ended;
    assert.equal(status, 0);
    assert.match(
      stderr,
      /WARN .*Took over the lock locks\/app\.json of .*, which has expired; last heard of \d+ s ago/,
    );
    // What the killed one had begun is gone after a run of the other.
    const { keys, unfinished } = await bucketContent(s3, bucket);
    assert.deepEqual(unfinished, []);
    const backups = keys.filter((key) => key.endsWith('.tar.gz')).sort();
    assert.deepEqual(
      keys.filter((key) => key.endsWith('.manifest.json')).sort(),
      backups.map((key) => `${key}.manifest.json`),
    );
  },
);

test('a daemon that is frozen over more than three due times catches up once', { timeout: 180_000 }, async (t) => {
  // A minute of this daemon lasts a second.
  const { folder, args } = await configured(
    t,
    '{ type: local, path: ./vault }',
    '    schedule: { cron: "* * * * *" }\n',
  );
  const daemon = daemonFor(t, ['daemon', ...args], { cwd: folder, env: fakedClock('+0 x60') });
  await daemon.shows(/SUCCESS Backup iteration #2 completed/);
  daemon.kill('SIGSTOP');
  await delay(6000);
  const backups = async (): Promise<number> =>
    (await filesIn(join(folder, 'vault'))).filter((file) => file.endsWith('.tar.gz')).length;
  const done = await backups();
  daemon.kill('SIGCONT');
  // It may have been frozen in a run; then come the one that makes up and one more.
  await daemon.shows(new RegExp(`SUCCESS Backup iteration #${done + 3} completed`));
  daemon.kill('SIGTERM');
  const { status, stdout } = await daemon.ended;
  assert.equal(status, 0);
  assert.match(stdout, /Making up for what was due since/);
  const timesIn = (line: RegExp): number[] => [...stdout.matchAll(line)].map(([, time]) => Date.parse(time ?? ''));
  const dueTimes = timesIn(/Next backup scheduled for: (\S+)/g);
  // One run for all that was missed, and the next one has a due time of its own.
  const pausesMinutes = dueTimes.slice(1).map((due, index) => (due - (dueTimes[index] ?? 0)) / 60_000);
  assert.ok(Math.min(...pausesMinutes) >= 1, stdout);
  assert.ok(Math.max(...pausesMinutes) > 3, stdout);
  for (const [, due, start] of stdout.matchAll(/backup scheduled for: (\S+)[^]*?^(\S+) INFO Starting backup/gm))
    assert.ok(Date.parse(start ?? '') >= Date.parse(due ?? ''), stdout);
  assert.equal(await backups(), timesIn(/^(\S+) INFO Starting backup/gm).length);
});

const formOf = (post: Record<string, unknown>): string =>
  'event' in post ? 'json' : 'content' in post ? 'discord' : 'slack';

test('each service is told in the form that it reads: JSON, Slack’s, Discord’s', async (t) => {
  const receiver = await startWebhookReceiver();
  t.after(() => receiver.stop());
  const formats = ['json', 'slack', 'discord'];
  const services = formats
    .map(
      (form) => `  ${form}: { type: webhook, url: "${receiver.url}", onSuccess: true, format: ${form}, attempts: 1 }\n`,
    )
    .join('');
  const more = `    notify: [${formats.join(', ')}]\nnotifications:\n${services}`;
  const { folder, args } = await configured(t, '{ type: local, path: ./vault }', more);
  const sorted = (): Record<string, Record<string, unknown>> => {
    const posts = receiver.posts.splice(0);
    return Object.fromEntries(posts.map((post) => [formOf(post), post]));
  };
  await holdfast(['backup', ...args], { cwd: folder });
  const good = sorted();
  assert.deepEqual([good['json']?.['event'], good['json']?.['job']], ['backup_completed', 'app']);
  assert.match(String(good['slack']?.['text']), /^Backup "app" on .* succeeded/);
  assert.match(String(good['discord']?.['content']), /^Backup "app" on .* succeeded/);

  await writeFile(args[1] ?? '', (await readFile(args[1] ?? '', 'utf8')).replace('/files }', '/nothing }'));
  assert.equal((await runHoldfast(['backup', ...args], { cwd: folder })).status, 2);
  const bad = sorted();
  assert.equal(bad['json']?.['event'], 'backup_failed');
  assert.match(String(bad['slack']?.['text']), /FAILED/);
  assert.match(String(bad['discord']?.['content']), /FAILED/);
});
