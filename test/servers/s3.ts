/**
 * A real S3 server for tests: Ceph's gateway, in memory, on the loopback interface. `npm test` starts one for all test
 * files and tells them by HOLDFAST_TEST_S3; a test file that runs alone starts its own.
 */
import { randomUUID } from 'node:crypto';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { kmsKeyId } from './ceph-config.ts';
import { startCeph, type Account } from './ceph-server.ts';

export interface S3Handle extends Account {
  readonly endpoint: string;
  readonly tlsEndpoint: string;
  /** PEM file of the authority that signed the certificate of `tlsEndpoint`. */
  readonly caFile: string;
  readonly region: string;
  /** An account that owns nothing of the first one's. */
  readonly secondAccount: Account;
  /** A key that SSE-KMS may use. */
  readonly kmsKeyId: string;
  readonly pids: readonly number[];
}

export interface S3Server extends S3Handle {
  /** Creates a bucket, by a random name unless given; returns its name. */
  createBucket(name?: string): Promise<string>;
  /** A client of the SDK, to look at the server from outside the product. The caller destroys it. */
  client(): S3Client;
  /** Ends the server and removes its data; does nothing to a shared one. */
  stop(): Promise<void>;
}

function serverOf(handle: S3Handle, stop: () => Promise<void>): S3Server {
  const client = (): S3Client =>
    new S3Client({
      endpoint: handle.endpoint,
      region: handle.region,
      forcePathStyle: true,
      credentials: { accessKeyId: handle.accessKey, secretAccessKey: handle.secretKey },
    });
  return {
    ...handle,
    client,
    stop,
    createBucket: async (name = `test-${randomUUID()}`) => {
      const s3 = client();
      await s3.send(new CreateBucketCommand({ Bucket: name }));
      s3.destroy();
      return name;
    },
  };
}

/** Starts a server of the caller's own. About 2 s; the very first time 15 s more, to fetch it. */
export async function startS3Server(): Promise<S3Server> {
  const ceph = await startCeph();
  const { endpoint, tlsEndpoint, caFile, accounts, pids } = ceph;
  const [first, secondAccount] = accounts;
  const place = { endpoint, tlsEndpoint, caFile, region: 'us-east-1' };
  return serverOf({ ...first, ...place, secondAccount, kmsKeyId, pids }, () => ceph.stop());
}

/** What to put into HOLDFAST_TEST_S3, so that test files share `server`. */
export function s3HandleOf(server: S3Server): string {
  const { endpoint, tlsEndpoint, caFile, region, accessKey, secretKey, secondAccount, kmsKeyId, pids } = server;
  const handle = { endpoint, tlsEndpoint, caFile, region, accessKey, secretKey, secondAccount, kmsKeyId, pids };
  return JSON.stringify(handle satisfies S3Handle);
}

/** The server that this run of the tests shares, else one of the caller's own. Call `stop` in any case. */
export async function sharedS3Server(): Promise<S3Server> {
  const shared = process.env['HOLDFAST_TEST_S3'];
  return shared === undefined ? startS3Server() : serverOf(JSON.parse(shared) as S3Handle, async () => {});
}
