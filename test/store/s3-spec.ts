import type { S3StoreSpec } from '../../src/store/index.ts';
import type { S3Server } from '../servers/s3.ts';

/** A specification of a bucket on the test server. */
export function s3Spec(server: S3Server, bucket: string, more: Partial<S3StoreSpec> = {}): S3StoreSpec {
  const { endpoint, region, accessKey, secretKey } = server;
  return { type: 's3', bucket, endpoint, region, accessKeyId: accessKey, secretAccessKey: secretKey, ...more };
}
