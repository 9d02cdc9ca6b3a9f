import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemClock } from '../../src/base/clock.ts';
import { createLogger } from '../../src/base/log.ts';
import { registerSecret } from '../../src/base/secrets.ts';
import { storeError } from '../../src/store/index.ts';
import type { RestorePoint } from '../../src/vault/index.ts';
import { createRunLog, type JobEvent, type JobResult, runJob } from '../../src/jobs/index.ts';
import { folderJob } from './sample-job.ts';

/** Every kind of secret that a configuration or an environment gives; each has a marker of its own. */
const secrets = [
  'PLAINmarker-password',
  'QUOTEmarker"with\\quotes\'and`ticks',
  'SPACEmarker with spaces & amps=+/%#?',
  'LINEmarker-one\nLINEmarker-two\r\nLINEmarker-three',
  'UNICODEmarker-pässwörd-密码-🔑',
  'AGE-SECRET-KEY-1MARKERQQQQQQQQQQQQQQQQQQQQ',
  'https://hooks.example/services/HOOKmarker/B0/x',
  '$&REGEXPmarker$1.*',
];
const markers = /marker|1MARKER/i;
/** Nobody has to register these: that they are secret shows in the form. */
const passwordsInUrls = [
  'postgres://app:UNSEENmarker@db.example/x',
  'https://u:UNSEENmarker-p%40ss@proxy.example:8080/',
];

const point = (text: string): RestorePoint => ({
  job: 'nightly',
  runId: 'r',
  startedAt: new Date(0),
  finishedAt: new Date(9000),
  source: { type: 'postgres', name: text, shape: 'file', paths: [text] },
  host: 'h',
  tags: [],
  details: {},
  problems: [],
  id: '1',
  vault: text,
  format: 'archive/gzip',
  status: 'ok',
  files: 1,
  sizeBytes: 1,
  storedBytes: 1,
  keys: [text],
});

const read = (): never => assert.fail('nothing is read here');

/** The same secret in every place of an event where a text can stand. */
function eventsWith(text: string): JobEvent[] {
  const job = folderJob(text, text, { name: text });
  const error = storeError('failed', { message: `refused: ${text}`, cause: new Error(text) });
  const failed = {
    source: { type: 'postgres', name: text },
    status: 'failed' as const,
    restorePoints: [],
    failures: [{ vault: text, error }],
    problems: [],
  };
  const result: JobResult = {
    job: text,
    runId: 'r',
    status: 'failed',
    startedAt: new Date(0),
    finishedAt: new Date(1),
    sources: [failed],
    pruned: [],
    error: new Error(`unexpected: ${text}`),
  };
  const findings = [{ code: 'prune-failed' as const, message: text, error }];
  const report = { vault: text, dryRun: false, targets: [], deleted: 1, retained: 2, findings };
  const answer = { kind: 'store' as const, about: text, type: 'local', answers: false, message: text };
  const source = { type: 'postgres' as const, name: text, shape: 'file' as const, paths: [text] };
  return [
    { type: 'run-started', runId: 'r', startedAt: new Date(0), job },
    { type: 'run-opened', sources: [], vaults: [], failures: [error], job },
    { type: 'source-started', source: { ...source, read }, job },
    { type: 'file-stored', path: text, location: `s3://b/${text}`, sizeBytes: 5, job },
    { type: 'file-failed', path: text, vault: text, message: text, job },
    { type: 'restore-point-stored', point: point(text), location: text, job },
    { type: 'retention-done', report, job },
    { type: 'run-finished', result, locations: [text], job },
    { type: 'notification-failed', name: text, message: text, job },
    { type: 'daemon-started', job: { ...job, schedule: { cron: text, timezone: text } } },
    { type: 'connectivity-checked', answers: [answer], job },
  ];
}

test('10 000 lines about runs with secrets planted everywhere hold none of them', async (t) => {
  for (const secret of secrets) registerSecret(secret);
  const texts = [
    ...secrets.flatMap((secret) => [
      secret,
      encodeURIComponent(secret.toWellFormed()),
      JSON.stringify(secret),
      `GET https://host/?X-Amz-Signature=${encodeURIComponent(secret)}&x=1`,
      `psql: error: FATAL: ${secret}${secret}`,
      `PGPASSWORD=${secret} AWS_SECRET_ACCESS_KEY=${secret}`,
    ]),
    ...passwordsInUrls,
  ];
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-secrets-'));
  const lines: string[] = [];
  const write = (line: string): void => void lines.push(line);
  const loggers = (['json', 'text'] as const).map((format) =>
    createLogger({ level: 'debug', format, clock: systemClock, write }),
  );
  const options = { clock: systemClock, logger: loggers[0]!, write };
  const level = 'debug';
  const forms = [{ style: 'events', level } as const, { style: 'text', level, runDir: folder } as const];
  const logs = forms.map((form) => createRunLog(form, options));
  while (lines.length < 10_000)
    for (const text of texts) {
      for (const event of eventsWith(text)) for (const log of logs) log(event);
      for (const logger of loggers) logger.warn(text, { text, nested: { deep: [text] }, error: new Error(text) });
    }
  const files = await Promise.all((await readdir(folder)).map((name) => readFile(join(folder, name), 'utf8')));
  await rm(folder, { recursive: true });
  const all = [...lines, ...files.flatMap((file) => file.split('\n'))];
  t.diagnostic(`${all.length} lines`);
  assert.ok(lines.length >= 10_000 && all.length > lines.length);
  const leaking = all.filter((line) => markers.test(line));
  assert.deepEqual(leaking.slice(0, 3), []);
  assert.ok(all.some((line) => line.includes('********')));
});

test('a real run that fails on a database tells no password, in no form of log', async () => {
  const lines: string[] = [];
  const write = (line: string): void => void lines.push(line);
  const logger = createLogger({ level: 'debug', format: 'text', clock: systemClock, write });
  const url = 'postgres://app:UNSEENmarker@127.0.0.1:1/shop';
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-secrets-'));
  const base = folderJob('/', folder);
  const job = { ...base, sources: [{ type: 'postgres' as const, url }] };
  for (const style of ['events', 'text'] as const) {
    const onEvent = createRunLog({ style, level: 'debug' }, { clock: systemClock, logger, write });
    const signal = new AbortController().signal;
    const result = await runJob(job, { clock: systemClock, logger, host: 'h', signal, onEvent });
    assert.equal(result.status, 'failed');
  }
  await rm(folder, { recursive: true });
  assert.ok(lines.some((line) => line.includes('127.0.0.1:1')));
  assert.doesNotMatch(lines.join('\n'), markers);
});

test('a file’s name can not forge a line of the log', () => {
  const lines: string[] = [];
  const options = {
    clock: systemClock,
    logger: createLogger({ level: 'error', format: 'text', clock: systemClock, write: () => {} }),
  };
  const log = createRunLog({ style: 'text' }, { ...options, write: (line) => void lines.push(line) });
  const path = 'a\n2026-01-01T00:00:00Z SUCCESS all is well\u001b[2J';
  log({ type: 'file-failed', path, message: 'gone', job: folderJob('/', '/tmp') });
  assert.equal(lines.length, 1);
  assert.doesNotMatch(lines[0] ?? '', /[\n\u001b]/);
});
