import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Clock } from './clock.ts';
import { createLogger, type LoggerOptions } from './log.ts';
import { registerSecret } from './secrets.ts';

const clock: Clock = {
  now: () => new Date('2026-03-01T02:03:04.567Z'),
  monotonicMs: () => 0,
  sleep: async () => {},
};

function recorder(options: Partial<LoggerOptions> = {}) {
  const lines: string[] = [];
  const write = (line: string): void => void lines.push(line);
  return { lines, logger: createLogger({ level: 'debug', format: 'json', clock, write, ...options }) };
}

const parsed = (line: string | undefined): unknown => JSON.parse(line ?? '');

test('a JSON line has time, level, message and the fields', () => {
  const { lines, logger } = recorder();
  logger.warn('Disk is slow.', { path: '/mnt', sizeBytes: 2n ** 60n, error: new Error('EIO') });
  assert.deepEqual(parsed(lines[0]), {
    time: '2026-03-01T02:03:04.567Z',
    level: 'warn',
    message: 'Disk is slow.',
    path: '/mnt',
    sizeBytes: '1152921504606846976',
    error: 'EIO',
  });
});

test('a text line is for people: time, level, message, facts', () => {
  const { lines, logger } = recorder({ format: 'text' });
  logger.info('Done.', { files: 3, path: '/data', missing: undefined, tags: ['a'] });
  assert.deepEqual(lines, ['2026-03-01T02:03:04.567Z INFO  Done. files=3 path=/data tags=["a"]']);
});

test('a field can not pass itself off as the message, the time or the level', () => {
  const { lines, logger } = recorder();
  logger.error('It failed.', { message: 'all is well', level: 'debug', time: 'never' });
  const { message, level, time } = parsed(lines[0]) as Record<string, string>;
  assert.deepEqual([message, level, time], ['It failed.', 'error', '2026-03-01T02:03:04.567Z']);
});

test('what is below the level is not written', () => {
  const { lines, logger } = recorder({ level: 'warn' });
  logger.debug('a');
  logger.info('b');
  logger.warn('c');
  logger.error('d');
  assert.deepEqual(
    lines.map((line) => (parsed(line) as { message: string }).message),
    ['c', 'd'],
  );
});

test('a secret is in no line, whatever has to be escaped in it', () => {
  const secret = registerSecret('pa"ss\\wo\nrd-of-a-log');
  for (const format of ['json', 'text'] as const) {
    const { lines, logger } = recorder({ format });
    logger.info(`with ${secret}`, { plain: secret, nested: { secret } });
    assert.doesNotMatch(lines.join(), /rd-of-a-log/);
  }
});

test('a value that JSON refuses does not make the logger throw', () => {
  const cycle: Record<string, unknown> = {};
  cycle['self'] = cycle;
  for (const format of ['json', 'text'] as const) {
    const { lines, logger } = recorder({ format });
    logger.info('It goes round.', { cycle });
    assert.match(lines[0] ?? '', /It goes round\./);
  }
});
