import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hasCode } from '../../base/errors.ts';
import { withExtendedOptions } from './extended-options.ts';

const bucket = { type: 's3', bucket: 'b', region: 'here' } as const;
const folder = { type: 'local', path: '/f' } as const;

test('-o says of a bucket what restic means by it, the last word counts, and a folder stays as it is', () => {
  const option = ['s3.region=there', 'S3.Bucket-Lookup = dns', 's3.storage-class=STANDARD_IA', 's3.region=at-last'];
  assert.deepEqual(withExtendedOptions(bucket, { option }), {
    ...bucket,
    region: 'at-last',
    pathStyle: false,
    storageClass: 'STANDARD_IA',
  });
  assert.deepEqual(withExtendedOptions(bucket, { option: ['s3.bucket-lookup=path'] }), { ...bucket, pathStyle: true });
  for (const own of ['s3.bucket-lookup=auto', 's3.connections=8', 's3.retries=3', 's3.layout=default', 's3.layout='])
    assert.deepEqual(withExtendedOptions(bucket, { option: [own] }), bucket);
  assert.deepEqual(withExtendedOptions(folder, { option: [...option, 'local.connections=4'] }), folder);
  assert.deepEqual(withExtendedOptions(bucket, {}), bucket);
});

test('what is not accepted is refused, of whatever store', () => {
  const wrong = ['s3.bucket-lookup=virtual', 's3.region=', 's3.region', 's3.connections=0', 's3.list-objects-v1=true'];
  for (const option of [...wrong, 's3.layout=s3legacy', 'local.connections=many', 'sftp.command=ssh', '=x', ''])
    for (const store of [bucket, folder])
      assert.throws(
        () => withExtendedOptions(store, { option: [option] }),
        (error) => hasCode(error, 'cli/usage'),
      );
});
