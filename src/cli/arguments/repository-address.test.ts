import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseRepositoryAddress } from './repository-address.ts';

const s3 = (more: object): object => ({ type: 's3', bucket: 'b', ...more });

test('an address means what it means to restic', () => {
  for (const [address, store] of [
    ['/srv/repo', { type: 'local', path: '/srv/repo' }],
    ['local:repo', { type: 'local', path: 'repo' }],
    ['s3:https://host:9000/b/pre/fix', s3({ prefix: 'pre/fix/', endpoint: 'https://host:9000' })],
    ['s3:http://host/b', s3({ endpoint: 'http://host' })],
    ['s3:host/b/x/', s3({ prefix: 'x/', endpoint: 'https://host' })],
    ['s3:s3.amazonaws.com/b/x', s3({ prefix: 'x/' })],
    ['s3:s3.eu-west-1.amazonaws.com/b', s3({ region: 'eu-west-1' })],
    ['s3://b/x', s3({ prefix: 'x/' })],
    ['s3://host:9000/b/x', s3({ prefix: 'x/', endpoint: 'https://host:9000' })],
  ] as const)
    assert.deepEqual(parseRepositoryAddress(address, {}), store, address);
});

test('what can not be reached, and what names no bucket, is refused', () => {
  for (const address of ['rest:https://host/', 'sftp:me@host:/x', 'b2:b', 's3:https://host', 's3:host'])
    assert.throws(() => parseRepositoryAddress(address, {}), { code: 'cli/usage' }, address);
});
