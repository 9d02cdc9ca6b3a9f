import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { after, before, beforeEach, test } from 'node:test';
import { storeError } from '../../src/store/index.ts';
import { registerSecret } from '../../src/base/secrets.ts';
import { createLogger } from '../../src/base/log.ts';
import type { NotificationSpec } from '../../src/config/index.ts';
import type { JobResult, RunEvent } from '../../src/jobs/index.ts';
import { deliver } from '../../src/jobs/notifications/deliver.ts';
import { notificationBody } from '../../src/jobs/notifications/notification-body.ts';
import { notifyAll } from '../../src/jobs/notifications/index.ts';
import { impatientClock } from './sample-job.ts';

interface Seen {
  readonly method: string;
  readonly url: string;
  readonly type: string | undefined;
  readonly body: string;
}
type Answer = (request: IncomingMessage, response: ServerResponse) => void;

const seen: Seen[] = [];
let answers: Answer[] = [];
let origin = '';
const status =
  (code: number, headers: Record<string, string> = {}): Answer =>
  (_request, response) =>
    void response.writeHead(code, headers).end('answer');
const reset: Answer = (request) => void request.socket.destroy();
const hang: Answer = () => {};

const server = createServer((request, response) => {
  let body = '';
  request.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
  request.on('end', () => {
    const { method = '', url = '', headers } = request;
    seen.push({ method, url, type: headers['content-type'], body });
    (answers.shift() ?? status(200))(request, response);
  });
});
before(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  origin = `http://127.0.0.1:${(server.address() as { port: number }).port}`;
});
after(() => server.close().closeAllConnections());
beforeEach(() => {
  seen.length = 0;
  answers = [];
});

const signal = new AbortController().signal;
const hook = (more: Partial<NotificationSpec> = {}): NotificationSpec => ({
  type: 'webhook',
  name: 'ops',
  url: `${origin}/hooks/T0ken-in-the-path`,
  onSuccess: true,
  onFailure: true,
  ...more,
});
const at = (second: number): Date => new Date(Date.UTC(2026, 2, 1, 3, 0, second));
const result = (more: Partial<JobResult> = {}): JobResult => ({
  job: 'nightly',
  runId: 'abc123',
  status: 'ok',
  startedAt: at(0),
  finishedAt: at(12),
  sources: [],
  pruned: [],
  ...more,
});

interface Told {
  readonly events: RunEvent[];
  readonly lines: string[];
  readonly slept: readonly number[];
}

async function notify(specs: readonly NotificationSpec[], outcome: JobResult): Promise<Told> {
  const clock = impatientClock();
  const [events, lines]: [RunEvent[], string[]] = [[], []];
  const logger = createLogger({ level: 'debug', format: 'json', clock, write: (line) => void lines.push(line) });
  await notifyAll(specs, outcome, { clock, logger, host: 'host-1', signal, tell: (event) => void events.push(event) });
  return { events, lines, slept: clock.slept };
}

test('a webhook gets one POST of JSON that says what happened', async () => {
  const error = storeError('full', { message: 'the disk /mnt is full' });
  await notify([hook()], result({ status: 'failed', error }));
  assert.deepEqual(
    seen.map(({ method, url, type }) => [method, url, type]),
    [['POST', '/hooks/T0ken-in-the-path', 'application/json']],
  );
  const { text, ...body } = JSON.parse(seen[0]!.body) as Record<string, unknown>;
  assert.deepEqual(body, {
    event: 'backup_failed',
    job: 'nightly',
    runId: 'abc123',
    status: 'failed',
    startedAt: '2026-03-01T03:00:00.000Z',
    finishedAt: '2026-03-01T03:00:12.000Z',
    durationSeconds: 12,
    host: 'host-1',
    restorePoints: [],
    problems: 0,
    failures: [{ about: 'nightly', code: 'store/full', message: 'the disk /mnt is full' }],
  });
  assert.match(String(text), /Backup "nightly" on host-1 FAILED.*\n- nightly: the disk \/mnt is full/);
});

test('Slack and Discord get the form that they read, by their host or by option', () => {
  const keys = (spec: NotificationSpec): string[] =>
    Object.keys(JSON.parse(notificationBody(spec, result(), 'h')) as object);
  assert.deepEqual(keys(hook({ url: 'https://hooks.slack.com/services/T/B/x' })), ['text']);
  assert.ok(keys(hook({ url: 'https://discord.com/api/webhooks/1/x' })).includes('content'));
  assert.ok(keys(hook({ url: 'https://notslack.com/' })).includes('runId'));
  assert.deepEqual(keys(hook({ format: 'slack' })), ['text']);
  const long = result({ error: new Error('x'.repeat(9000)), status: 'failed' });
  const { content } = JSON.parse(notificationBody(hook({ format: 'discord' }), long, 'h')) as { content: string };
  assert.ok(content.length <= 2000);
});

test('500, 429 and a cut connection are tried again with pauses that double; the third success counts', async () => {
  for (const trouble of [status(500), status(429), reset]) {
    seen.length = 0;
    answers = [trouble, trouble, status(204)];
    const { events, slept } = await notify([hook()], result());
    assert.equal(seen.length, 3);
    assert.deepEqual(slept, [5000, 10_000]);
    assert.deepEqual(events, []);
  }
});

test('what can not be delivered is a warning that holds no address, and never a throw', async () => {
  answers = [status(500), status(500), status(500)];
  const { events, lines } = await notify([hook()], result());
  assert.equal(seen.length, 3);
  assert.equal(events[0]?.type, 'notification-failed');
  assert.equal(lines.length, 1);
  assert.match(lines[0] ?? '', /"level":"warn".*ops.*3 attempt\(s\): the service answered 500/);
  assert.doesNotMatch(JSON.stringify([events, lines]), /T0ken/);
  const closed = await notify([hook({ url: 'http://127.0.0.1:1/T0ken' })], result());
  assert.match(closed.lines[0] ?? '', /ECONNREFUSED|bad port/);
  assert.doesNotMatch(closed.lines.join(), /T0ken/);
  const wrong = await notify([hook({ url: 'http://T0ken host/' })], result());
  assert.equal(wrong.lines.length, 1);
  assert.doesNotMatch(wrong.lines.join(), /T0ken/);
});

test('a refusal is not repeated', async () => {
  answers = [status(404)];
  assert.equal((await notify([hook()], result())).events.length, 1);
  assert.equal(seen.length, 1);
});

test('a service that never answers is given up in time', async () => {
  answers = [hang, hang];
  const sending = deliver(hook({ attempts: 2 }), '{}', { clock: impatientClock(), signal, timeoutMs: 1000 });
  await assert.rejects(sending, /2 attempt\(s\): no answer in time/);
  assert.equal(seen.length, 2);
});

test('a redirect keeps the method and the body, and a circle ends', async () => {
  for (const code of [301, 302, 307, 308]) {
    seen.length = 0;
    answers = [status(code, { location: '/moved' })];
    await notify([hook()], result());
    assert.deepEqual(
      seen.map(({ method, url }) => `${method} ${url}`),
      ['POST /hooks/T0ken-in-the-path', 'POST /moved'],
    );
    assert.equal(seen[1]?.body, seen[0]?.body);
  }
  answers = Array.from({ length: 50 }, () => status(307, { location: '/round' }));
  assert.equal((await notify([hook()], result())).events.length, 1);
});

test('each is told what it asked for: successes, failures, heartbeats of good runs only', async () => {
  const specs = [
    hook({ url: `${origin}/failures`, onSuccess: false }),
    hook({ url: `${origin}/successes`, onFailure: false }),
    hook({ url: `${origin}/beat`, type: 'heartbeat' }),
  ];
  const urls = async (outcome: JobResult['status']): Promise<string[]> => {
    seen.length = 0;
    await notify(specs, result({ status: outcome }));
    return seen.map(({ method, url }) => `${method} ${url}`).sort();
  };
  assert.deepEqual(await urls('ok'), ['GET /beat', 'POST /successes']);
  assert.deepEqual(await urls('failed'), ['POST /failures']);
  assert.deepEqual(await urls('partial'), ['POST /failures']);
  assert.deepEqual(await urls('locked'), []);
});

test('no secret leaves in a body', async () => {
  const secret = registerSecret('s3cr3t"key/of+mine');
  await notify(
    [hook()],
    result({ status: 'failed', error: new Error(`refused ${secret} for postgres://u:pass-word@h/`) }),
  );
  assert.doesNotMatch(seen[0]!.body, /s3cr3t|pass-word/);
});
