import { readFile } from 'node:fs/promises';
import { HeadBucketCommand, S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';
import type { Clock } from '../../base/clock.ts';
import { hasCode, messageOf } from '../../base/errors.ts';
import { registerSecret } from '../../base/secrets.ts';
import { storeError } from '../errors.ts';
import { checkKey, isKey } from '../object-key.ts';
import type { S3StoreSpec } from '../store-spec.ts';
import { HttpHandler } from './http-handler.ts';
import { addContentMd5 } from './content-md5.ts';
import { s3Error } from './s3-errors.ts';

const connectTimeoutMs = 10_000;
const idleTimeoutMs = 60_000;

/** What a request is for, and what may hold it up. */
export interface Sending {
  readonly act: string;
  readonly key?: string | undefined;
  readonly ifAbsent?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly pace?: ((bytes: number) => Promise<void>) | undefined;
  /** Memory for the body of the answer. */
  readonly into?: Uint8Array | undefined;
}

/** A bucket, and the prefix in it: sends requests, and words what goes wrong. */
export class S3Bucket {
  readonly name: string;
  readonly spec: S3StoreSpec;
  readonly label: string;
  readonly clock: Clock;
  private readonly client: S3Client;
  private readonly place: { readonly bucket: string; readonly endpoint: string; readonly region: string };
  /** "" or "some/prefix/". */
  private readonly prefix: string;
  private existence: Promise<void> | undefined;

  constructor(spec: S3StoreSpec, client: S3Client, place: { endpoint: string; region: string }, clock: Clock) {
    this.spec = spec;
    this.name = spec.bucket;
    this.client = client;
    this.clock = clock;
    this.place = { bucket: spec.bucket, ...place };
    this.prefix = prefixOf(spec);
    this.label = `s3://${spec.bucket}${this.prefix === '' ? '' : `/${this.prefix.slice(0, -1)}`}`;
  }

  /** The key in the bucket of our key. Throws store/bad-key. */
  keyOf(key: string): string {
    return checkKey(this.prefix + checkKey(key));
  }

  /** A prefix of keys in the bucket, for one of ours. */
  prefixOf(prefix: string): string {
    return this.prefix + prefix;
  }

  /** Our key of a key in the bucket; undefined for what isn't ours. */
  ownKey(key: string): string | undefined {
    const own = key.startsWith(this.prefix) ? key.slice(this.prefix.length) : '';
    return isKey(own) ? own : undefined;
  }

  /** Runs `request`; whatever goes wrong comes out as an error of the store, or as the signal's reason. */
  async send<Result>(
    sending: Sending,
    request: (client: S3Client, options: object) => Promise<Result>,
  ): Promise<Result> {
    const { signal, pace, into } = sending;
    signal?.throwIfAborted();
    try {
      return await request(this.client, {
        ...(signal && { abortSignal: signal }),
        ...(pace && { pace }),
        ...(into && { into }),
      });
    } catch (error) {
      throw this.error(sending, error);
    }
  }

  /** What to throw for `cause`. */
  error({ act, key, ifAbsent, signal }: Sending, cause: unknown): unknown {
    if (signal?.aborted === true) return signal.reason;
    const facts = { ...(key === undefined ? {} : { key }), ...(ifAbsent === undefined ? {} : { ifAbsent }) };
    return s3Error({ act, ...this.place, ...facts, now: this.clock.now() }, cause);
  }

  /** A missing object and a missing bucket look alike to HEAD: asks once which it is. Throws when it is the bucket. */
  async checkExists(signal?: AbortSignal): Promise<void> {
    this.existence ??= this.send({ act: 'look', signal }, async (client, options) => {
      await client.send(new HeadBucketCommand({ Bucket: this.name }), options);
    }).catch((error: unknown) => {
      if (hasCode(error, 'store/access-denied')) return; // may not ask
      this.existence = undefined;
      if (!hasCode(error, 'store/not-found')) throw error;
      throw this.error({ act: 'look' }, { name: 'NoSuchBucket' });
    });
    return this.existence;
  }

  close(): void {
    this.client.destroy();
  }
}

function prefixOf({ prefix = '' }: S3StoreSpec): string {
  const trimmed = prefix.replace(/^\/+|\/+$/g, '');
  return trimmed === '' ? '' : `${checkKey(trimmed)}/`;
}

async function readCa(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw storeError('bad-address', {
      message: `Can't read the certificates in ${path}: ${messageOf(error)}`,
      hint: 'Correct caFile; it names a PEM file that this user may read.',
      context: { path },
      cause: error,
    });
  }
}

function checkEndpoint(endpoint: string): URL {
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined;
  if (url !== undefined && ['http:', 'https:'].includes(url.protocol)) return url;
  throw storeError('bad-address', {
    message: `"${endpoint}" is not the address of an S3 endpoint`,
    hint: 'Write it as https://host or https://host:port.',
  });
}

/** As the environment or the shared configuration files say. */
async function defaultRegion(): Promise<string> {
  const probe = new S3Client({});
  try {
    return process.env['AWS_REGION'] ?? process.env['AWS_DEFAULT_REGION'] ?? (await probe.config.region());
  } catch {
    return 'us-east-1';
  } finally {
    probe.destroy();
  }
}

function credentialsOf({ accessKeyId, secretAccessKey, sessionToken }: S3StoreSpec): S3ClientConfig {
  if (secretAccessKey !== undefined) registerSecret(secretAccessKey);
  if (sessionToken !== undefined) registerSecret(sessionToken);
  if (accessKeyId === undefined && secretAccessKey === undefined) return {};
  if (accessKeyId !== undefined && secretAccessKey !== undefined)
    return { credentials: { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) } };
  throw storeError('no-credentials', {
    message: 'Only one of accessKeyId and secretAccessKey is given',
    hint: 'Give both, or none to use the environment or a role.',
  });
}

/** Opens the bucket of a specification; sends nothing yet. */
export async function openBucket(spec: S3StoreSpec, clock: Clock): Promise<S3Bucket> {
  const url = spec.endpoint === undefined ? undefined : checkEndpoint(spec.endpoint);
  const region = spec.region ?? (await defaultRegion());
  const caPem = spec.caFile === undefined ? {} : { caPem: await readCa(spec.caFile) };
  const isAmazon = url === undefined || /(^|\.)amazonaws\.com(\.cn)?$/.test(url.hostname);
  const checksums = spec.checksums === 'when-required' ? 'WHEN_REQUIRED' : 'WHEN_SUPPORTED';
  const { insecureTls = false } = spec;
  const handler = new HttpHandler({ ...caPem, insecureTls, connectTimeoutMs, idleTimeoutMs });
  const client = new S3Client({
    ...credentialsOf(spec),
    ...(spec.endpoint === undefined ? {} : { endpoint: spec.endpoint }),
    region,
    forcePathStyle: spec.pathStyle ?? !isAmazon,
    maxAttempts: 1, // `retrying` does it, where it is counted and logged
    requestChecksumCalculation: checksums,
    responseChecksumValidation: 'WHEN_REQUIRED',
    expectContinueHeader: false, // not all stores answer it
    requestHandler: handler as unknown as NonNullable<S3ClientConfig['requestHandler']>,
  });
  addContentMd5(client);
  return new S3Bucket(spec, client, { endpoint: spec.endpoint ?? `Amazon S3 (${region})`, region }, clock);
}
