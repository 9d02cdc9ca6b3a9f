import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { HoldfastError } from '../../base/errors.ts';
import { notFound } from '../outcomes.ts';
import { s3Error } from './s3-errors.ts';

const place = {
  act: 'write',
  bucket: 'bucket-1',
  endpoint: 'https://s3.example',
  region: 'eu-west-1',
  key: 'some/key',
  now: new Date('2026-03-01T13:00:00Z'),
};

describe('an error of S3', () => {
  const cases: readonly (readonly [what: string, error: object, code: string, retryable: boolean])[] = [
    ['a missing bucket', { name: 'NoSuchBucket' }, 'store/bucket-not-found', false],
    ['a missing object', { name: 'NoSuchKey' }, 'store/not-found', false],
    ['no permission', { name: 'AccessDenied' }, 'store/access-denied', false],
    ['HEAD without permission', { name: '403', $metadata: { httpStatusCode: 403 } }, 'store/access-denied', false],
    ['a wrong secret', { name: 'SignatureDoesNotMatch' }, 'store/bad-credentials', false],
    ['an expired token', { Code: 'ExpiredToken' }, 'store/bad-credentials', false],
    ['no credentials', { name: 'CredentialsProviderError', message: 'none' }, 'store/no-credentials', false],
    ['too many requests', { name: 'SlowDown', $metadata: { httpStatusCode: 503 } }, 'store/throttled', true],
    ['an internal error', { name: 'InternalError', $metadata: { httpStatusCode: 500 } }, 'store/unavailable', true],
    ['any 5xx', { name: 'Unknown', $metadata: { httpStatusCode: 502 } }, 'store/unavailable', true],
    ['a damaged body', { name: 'BadDigest', $metadata: { httpStatusCode: 400 } }, 'store/unavailable', true],
    ['a reset', { code: 'ECONNRESET' }, 'store/unavailable', true],
    ['a hung-up socket', new Error('socket hang up'), 'store/unavailable', true],
    ['a refused connection', { code: 'ECONNREFUSED' }, 'store/unreachable', true],
    ['an unknown host', { code: 'ENOTFOUND' }, 'store/unreachable', false],
    ['an unknown certificate', { code: 'SELF_SIGNED_CERT_IN_CHAIN' }, 'store/unreachable', false],
    ['another region', { name: 'PermanentRedirect' }, 'store/bad-address', false],
    ['a failed condition', { name: 'PreconditionFailed' }, 'store/changed', false],
    ['a conflict', { name: 'ConditionalRequestConflict' }, 'store/unavailable', true],
    ['an archived object', { name: 'InvalidObjectState' }, 'store/unavailable', false],
    ['an unknown feature', { name: 'NotImplemented' }, 'store/unsupported', false],
    ['anything else', { name: 'Strange', $metadata: { httpStatusCode: 400 } }, 'store/failed', false],
  ];
  for (const [what, error, code, retryable] of cases)
    it(`${what} is ${code}${retryable ? ', worth another try' : ''}`, () => {
      const made = s3Error(place, error);
      assert.equal(made.code, code);
      assert.equal(made.retryable, retryable);
      assert.equal(made.cause, error);
      assert.ok((made.hint ?? '').length > 0);
    });

  it('that is a failed condition of an absent key says that the key is taken', () => {
    assert.equal(s3Error({ ...place, ifAbsent: true }, { name: 'PreconditionFailed' }).code, 'store/already-exists');
  });

  it('that is a wrong clock says by how much', () => {
    const $response = { headers: { date: 'Sun, 01 Mar 2026 12:00:00 GMT' } };
    const made = s3Error(place, { name: 'RequestTimeTooSkewed', $response });
    assert.equal(made.code, 'store/clock-skew');
    assert.match(made.message, /it is 3600 s ahead/);
    assert.equal(made.retryable, true);
  });

  it('that names the right region tells it', () => {
    const $response = { headers: { 'x-amz-bucket-region': 'us-west-2' } };
    assert.match(
      s3Error(place, { name: 'PermanentRedirect', $response }).message,
      /not in .*eu-west-1, but in us-west-2/,
    );
  });

  it('that is ours already stays as it is', () => {
    const ours: HoldfastError = notFound('a');
    assert.equal(s3Error(place, ours), ours);
  });
});
