import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { systemClock } from '../../src/base/clock.ts';
import { hasCode } from '../../src/base/errors.ts';
import { silentLogger } from '../../src/base/log.ts';
import type { Job } from '../../src/config/index.ts';
import { acquireLock } from '../../src/engine/index.ts';
import { checkHealth, createRunLog, lastRunOf, runJob, type JobEvent } from '../../src/jobs/index.ts';
import { openStore } from '../../src/store/index.ts';
import { folderJob } from './sample-job.ts';

let root: string;
before(async () => {
  root = await mkdtemp(join(tmpdir(), 'holdfast-jobs-'));
  await mkdir(join(root, 'data'));
  await writeFile(join(root, 'data', 'a.txt'), 'hello');
});
after(() => rm(root, { recursive: true, force: true }));

const signal = new AbortController().signal;
const surroundings = { clock: systemClock, logger: silentLogger, host: 'host-1', signal };
const jobIn = (target: string, more: Partial<Job> = {}): Job => folderJob(join(root, 'data'), join(root, target), more);

async function run(job: Job): Promise<{ result: Awaited<ReturnType<typeof runJob>>; events: JobEvent[] }> {
  const events: JobEvent[] = [];
  return { result: await runJob(job, { ...surroundings, onEvent: (event) => void events.push(event) }), events };
}

test('a run leaves a restore point with its id, no lock, and events in order', async () => {
  const { result, events } = await run(jobIn('plain'));
  assert.equal(result.status, 'ok');
  assert.equal(result.sources[0]?.restorePoints[0]?.runId, result.runId);
  const types = events.map(({ type }) => type).filter((type) => type !== 'source-progress');
  assert.deepEqual(types, [
    'run-started',
    'run-opened',
    'source-started',
    'restore-point-stored',
    'source-finished',
    'run-finished',
  ]);
  const files = await readdir(join(root, 'plain'), { recursive: true });
  assert.ok(!files.some((file) => file.includes('lock')), files.join());
  const made = result.sources[0].restorePoints[0];
  assert.deepEqual((await lastRunOf(jobIn('plain'), surroundings))?.startedAt, made?.startedAt);
  assert.equal(await lastRunOf(jobIn('plain', { name: 'other' }), surroundings), undefined);
});

test('the retention of a job is applied after the run', async () => {
  const job = jobIn('pruned', { retention: { last: 2 } });
  for (let count = 0; count < 3; count += 1) await run(job);
  const { result, events } = await run(job);
  assert.deepEqual(
    result.pruned.map(({ deleted, retained }) => [deleted, retained]),
    [[1, 2]],
  );
  assert.ok(events.some(({ type }) => type === 'retention-done'));
});

test('while another run has the lock nothing is done, and the result says so', async () => {
  const job = jobIn('locked');
  const store = await openStore(job.vaults[0]!.store, surroundings);
  const holder = { host: 'far', pid: 1, runId: 'other' };
  const lock = await acquireLock(store, 'locks/nightly.json', { ...surroundings, holder, expirySeconds: 60 });
  const { result } = await run(job);
  await lock.release();
  assert.equal(result.status, 'locked');
  assert.ok(hasCode(result.error, 'engine/locked'));
  assert.equal((await run(job)).result.status, 'ok');
  await store.close();
});

test('a vault whose store can not be reached costs this vault only', async () => {
  await writeFile(join(root, 'file'), '');
  const broken = { name: 'broken', spec: { type: 'archive' }, store: { type: 'local', path: join(root, 'file/x') } };
  const job = jobIn('half');
  const { result } = await run({ ...job, vaults: [...job.vaults, broken as Job['vaults'][number]] });
  assert.equal(result.status, 'partial');
  assert.equal(result.sources[0]?.restorePoints.length, 1);
  assert.equal(result.sources[0]?.failures[0]?.vault, 'broken');
});

test('a source that is not there is a failed run, told and not thrown', async () => {
  const { result, events } = await run(folderJob(join(root, 'absent'), join(root, 'none')));
  assert.equal(result.status, 'failed');
  assert.equal(events.at(-1)?.type, 'run-finished');
});

test('an abort ends the run with its reason and leaves no lock', async () => {
  const abort = new AbortController();
  const job = jobIn('aborted');
  const reason = new Error('stop now');
  const onEvent = (event: JobEvent): void => {
    if (event.type === 'source-started') abort.abort(reason);
  };
  await assert.rejects(runJob(job, { ...surroundings, signal: abort.signal, onEvent }), reason);
  const left = await readdir(join(root, 'aborted'), { recursive: true, withFileTypes: true });
  assert.deepEqual(
    left.filter((entry) => entry.isFile()).map(({ name }) => name),
    [],
  );
});

test('a run is told as events, as text, and in a file of its own', async () => {
  for (const style of ['events', 'text'] as const) {
    const lines: string[] = [];
    const runDir = join(root, `logs-${style}`);
    const options = {
      clock: systemClock,
      logger: silentLogger,
      write: (line: string) => lines.push(line),
    };
    await runJob(jobIn(`log-${style}`), {
      ...surroundings,
      onEvent: createRunLog({ style, runDir, level: 'debug' }, options),
    });
    const [file = '', ...others] = await readdir(runDir);
    assert.match(file, /^backup_\d{8}_\d{6}\.log$/);
    assert.deepEqual(others, []);
    const written = await readFile(join(runDir, file), 'utf8');
    assert.match(written, /Z SUCCESS Backup completed successfully in \d+s\n\S+ INFO Backup location: \S+\n$/);
    if (style === 'text') {
      assert.equal(written, `${lines.join('\n')}\n`);
      for (const line of lines) assert.match(line, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ (?:INFO|DEBUG|SUCCESS) /);
      continue;
    }
    const events = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    assert.deepEqual(
      events.map(({ event }) => event),
      ['backup_started', 'backup_archive_uploaded', 'backup_completed'],
    );
    assert.deepEqual([events[2]?.['status'], events[2]?.['failed']], ['ok', 0]);
  }
});

test('a health check says which source and which store do not answer, and writes nothing', async () => {
  const good = jobIn('health');
  const bad = folderJob(join(root, 'absent'), join(root, 'file/x'), { name: 'bad' });
  const postgres = {
    ...good,
    name: 'pg',
    sources: [{ type: 'postgres', url: 'postgres://u:secret-word@127.0.0.1:1/x' }],
  };
  const answers = await checkHealth([good, bad, postgres as Job], { ...surroundings, timeoutMs: 60_000 });
  assert.deepEqual(
    answers.map(({ kind, type, answers: ok }) => [kind, type, ok]),
    [
      ['source', 'directory', true],
      ['source', 'directory', false],
      ['source', 'postgres', false],
      ['store', 'local', true],
      ['store', 'local', false],
    ],
  );
  assert.ok(!JSON.stringify(answers).includes('secret-word'));
  assert.ok(!(await readdir(root)).includes('health'));
});

test('a health check of something that never answers ends in time', async () => {
  const { createServer } = await import('node:net');
  const server = createServer(() => {}).listen(0, '127.0.0.1');
  const { port } = await new Promise<{ port: number }>((resolve) =>
    server.on('listening', () => resolve(server.address() as { port: number })),
  );
  const url = `postgres://u@127.0.0.1:${port}/x?sslmode=disable`;
  const job = { ...jobIn('health'), sources: [{ type: 'postgres', url }] } as Job;
  const [answer] = await checkHealth([job], { ...surroundings, timeoutMs: 300 });
  server.close();
  assert.equal(answer?.answers, false);
  assert.match(answer?.message ?? '', /did not answer/);
});

test('the file of a run is named by its start, as its artefacts are, and by the clocks of its schedule', () => {
  const runDir = join(root, 'logs-zone');
  const startedAt = new Date('2026-03-01T01:02:03.999Z');
  const clock = { ...systemClock, now: () => new Date('2026-03-01T01:02:04.001Z') };
  const job = jobIn('zone', { schedule: { cron: '0 3 * * *', timezone: 'America/Sao_Paulo' } });
  createRunLog(
    { runDir },
    { clock, logger: silentLogger, write: assert.fail },
  )({
    type: 'run-started',
    runId: 'r',
    startedAt,
    job,
  });
  assert.deepEqual(readdirSync(runDir), ['backup_20260228_220203.log']);
});
