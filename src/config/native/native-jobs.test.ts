import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assert as assertProperty, property, string } from 'fast-check';
import { scrub } from '../../base/secrets.ts';
import { parseConnectionUri } from '../../source/index.ts';
import type { Job } from '../job.ts';
import { readNativeText } from '../testing/read-native-text.ts';

const stores = `
stores:
  nas: { type: local, path: /nas }
  far: { type: s3, bucket: b, retry: { attempts: 4, delay: 1m } }
vaults:
  main: { type: archive, store: nas }
  copy: { type: mirror, store: far, layout: '', delete: true }
notifications:
  ops: { type: webhook, url: 'https://hooks.example.com/services/T0/B0/a-webhook-token', onSuccess: true }
  alive: { type: heartbeat, url: 'https://ping.example.com/a-heartbeat-token', attempts: 5, delay: 10s }
`;

function jobOf(members: string, variables: Record<string, string> = {}): Job {
  const text = `${stores}jobs: { app: { sources: [{ type: directory, path: /srv }], vaults: [main], ${members} } }`;
  return readNativeText(text, 'holdfast.yaml', variables).jobs[0] ?? assert.fail();
}

test('a job that says nothing more runs by hand, keeps everything and tells no one', () => {
  assert.deepEqual(jobOf('tags: []'), {
    name: 'app',
    sources: [{ type: 'directory', path: '/srv' }],
    vaults: [{ name: 'main', spec: { type: 'archive' }, store: { type: 'local', path: '/nas' } }],
    tags: [],
    limits: {},
    notify: [],
  });
});

test('a schedule is times of a zone, with jitter and catching-up, or an interval', () => {
  const often = "schedule: { cron: '0 3 * * *', timezone: America/Sao_Paulo, jitter: 5m, catchUp: false }";
  assert.deepEqual(jobOf(often).schedule, {
    cron: '0 3 * * *',
    timezone: 'America/Sao_Paulo',
    jitterSeconds: 300,
    catchUp: false,
  });
  assert.deepEqual(jobOf("schedule: { cron: '@daily' }").schedule, { cron: '@daily' });
  for (const [written, seconds] of [
    ['15m', 900],
    ['1h30m', 5400],
    ['2d', 172_800],
    ['900', 900],
    ["'${PAUSE}'", 45],
  ] as const)
    assert.deepEqual(jobOf(`schedule: { every: ${written} }`, { PAUSE: '45s' }).schedule, { everySeconds: seconds });
});

test('what is kept is said for the job, and for one vault of it', () => {
  const job = jobOf(
    'retention: { last: 5, daily: 7, days: 365, within: 1y6m }'.concat(
      ', limits: { uploadKBps: 10 }',
      ', lock: { key: lock, expiry: 2m }',
      ', log: { style: events, runDir: /logs, level: debug }',
    ),
  );
  assert.deepEqual(job.retention, { last: 5, daily: 7, days: 365, within: { years: 1, months: 6 } });
  assert.deepEqual(job.lock, { key: 'lock', expirySeconds: 120 });
  assert.deepEqual(job.log, { style: 'events', runDir: '/logs', level: 'debug' });
  const text = `${stores}jobs: { app: { sources: [{ type: directory, path: /srv }], vaults: [main, { name: copy, retention: { last: 2 } }] } }`;
  const { jobs, vaults } = readNativeText(text, 'holdfast.yaml', {});
  const copy = {
    name: 'copy',
    spec: { type: 'mirror', layout: '', delete: true },
    store: { type: 's3', bucket: 'b' },
    retry: { attempts: 4, baseDelayMs: 60_000 },
  };
  assert.deepEqual(jobs[0]?.vaults[1], { ...copy, retention: { last: 2 } });
  assert.deepEqual(vaults[1], copy, 'the vault itself keeps what other jobs say');
});

test('a webhook tells of failures unless told otherwise, a heartbeat of success only; their addresses are secrets', () => {
  const { notify } = jobOf('notify: [ops, alive]');
  assert.deepEqual(
    notify.map((target) => ({ ...target, url: '' })),
    [
      { name: 'ops', type: 'webhook', url: '', onSuccess: true, onFailure: true },
      { name: 'alive', type: 'heartbeat', url: '', onSuccess: true, onFailure: false, attempts: 5, delaySeconds: 10 },
    ],
  );
  for (const { url } of notify)
    assert.ok(!scrub(`POST ${url} failed; path ${new URL(url).pathname}`).includes('token'));
});

test('a server by its parts is the same server by its address, whatever the password', () => {
  assertProperty(
    property(string({ unit: 'grapheme', minLength: 1 }), string({ minLength: 1 }), (password, database) => {
      const text = `${stores}jobs: { app: { vaults: [main], sources: [{ type: postgres, host: '\${HOST}', port: 5433, user: me, password: '\${PW}', database: '\${DB}' }] } }`;
      for (const HOST of ['db.example', '/var/run/postgresql', '::1']) {
        const [source] = readNativeText(text, 'x', { HOST, PW: password, DB: database }).jobs[0]?.sources ?? [];
        const expected = { host: HOST, port: '5433', user: 'me', password, dbname: database };
        assert.deepEqual(source?.type === 'postgres' && parseConnectionUri(source.url ?? ''), expected);
      }
    }),
    { numRuns: 50 },
  );
});

test('a password of digits is kept as it is written, leading zeros and all', () => {
  for (const password of ['0123', '12345', '1e5', '0x1F', '1.0', '0o17', '12345678901234567890']) {
    const text = `${stores}jobs: { app: { vaults: [main], sources: [{ type: postgres, host: h, password: ${password} }] } }`;
    const [source] = readNativeText(text, 'x', {}).jobs[0]?.sources ?? [];
    assert.equal(source?.type === 'postgres' && source.url, `postgres://:${password}@h/`);
  }
});
