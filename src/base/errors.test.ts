import assert from 'node:assert/strict';
import { test } from 'node:test';
import { errorFamily, HoldfastError, hasCode, messageOf, systemCode } from './errors.ts';

const weatherError = errorFamily('weather', ['rain', 'snow']);

test('a family makes errors of its layer, with everything that they were given', () => {
  const cause = new Error('clouds');
  const error = weatherError('rain', {
    message: 'It rains.',
    hint: 'Take an umbrella.',
    retryable: true,
    context: { millimetres: 3 },
    cause,
  });
  assert.ok(error instanceof HoldfastError);
  const { code, message, hint, retryable, context } = error;
  assert.deepEqual(
    { code, message, hint, retryable, context, cause: error.cause },
    {
      code: 'weather/rain',
      message: 'It rains.',
      hint: 'Take an umbrella.',
      retryable: true,
      context: { millimetres: 3 },
      cause,
    },
  );
});

test('nothing is worth a retry unless the driver says so', () => {
  assert.equal(weatherError('snow', { message: 'It snows.' }).retryable, false);
});

test('a family lists the codes that the documentation must have', () => {
  assert.deepEqual(weatherError.codes, ['weather/rain', 'weather/snow']);
});

test('hasCode knows our errors by their code, and no others', () => {
  const error = weatherError('rain', { message: 'It rains.' });
  assert.ok(hasCode(error, 'weather/snow', 'weather/rain'));
  assert.ok(!hasCode(error, 'weather/snow'));
  assert.ok(!hasCode(Object.assign(new Error('no'), { code: 'weather/rain' }), 'weather/rain'));
  assert.ok(!hasCode(undefined, 'weather/rain'));
});

test('systemCode and messageOf take anything that can be thrown', () => {
  assert.equal(systemCode(Object.assign(new Error('no file'), { code: 'ENOENT' })), 'ENOENT');
  for (const thrown of [undefined, null, 'text', 7, { code: 7 }]) assert.equal(systemCode(thrown), undefined);
  assert.deepEqual([new Error('why'), 'text', undefined].map(messageOf), ['why', 'text', 'undefined']);
});
