import {
  DeleteObjectsCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type ListObjectsV2CommandInput,
  type ListObjectsV2CommandOutput,
} from '@aws-sdk/client-s3';
import type { Clock } from '../../base/clock.ts';
import { hasCode } from '../../base/errors.ts';
import type { GetOptions, ListOptions, ObjectInfo, ObjectStore, PutOptions, Upload } from '../object-store.ts';
import type { S3StoreSpec } from '../store-spec.ts';
import { conditions, etagOf, objectSettings } from './object-settings.ts';
import { openBucket, type S3Bucket } from './s3-bucket.ts';
import { readObject } from './s3-read.ts';
import { startS3Upload } from './s3-upload.ts';
import { sweepUploads } from './sweep-uploads.ts';

/** S3 deletes no more at once. */
const deleteBatch = 1000;

/** With encoding-type=url, in which any key survives XML, keys come form-encoded. */
const decodeKey = (key: string): string => decodeURIComponent(key.replaceAll('+', ' '));

/** From where a page of a list begins. */
type Where = Pick<ListObjectsV2CommandInput, 'StartAfter' | 'ContinuationToken'>;

/** A bucket of S3, or a prefix in it. */
export class S3Store implements ObjectStore {
  readonly label: string;
  private readonly bucket: S3Bucket;

  constructor(bucket: S3Bucket) {
    this.bucket = bucket;
    this.label = bucket.label;
  }

  async put(key: string, bytes: Uint8Array, options: PutOptions = {}): Promise<ObjectInfo> {
    const { bucket } = this;
    const { signal, ifAbsent, pace } = options;
    const target = { Bucket: bucket.name, Key: bucket.keyOf(key), Body: bytes, ContentLength: bytes.length };
    const input = { ...target, ...objectSettings(bucket.spec, options.metadata), ...conditions(options) };
    const { ETag } = await bucket.send({ act: 'write', key, ifAbsent, signal, pace }, (client, o) =>
      client.send(new PutObjectCommand(input), o),
    );
    return { key, sizeBytes: bytes.length, modifiedAt: bucket.clock.now(), etag: etagOf(ETag) };
  }

  startUpload(key: string, options: PutOptions = {}): Promise<Upload> {
    const putEmpty = (): Promise<ObjectInfo> => this.put(key, new Uint8Array(0), options);
    return startS3Upload({ bucket: this.bucket, key, options, putEmpty });
  }

  get(key: string, options: GetOptions = {}): AsyncIterable<Uint8Array> {
    return readObject({ bucket: this.bucket, store: this, key, options });
  }

  async head(key: string, signal?: AbortSignal): Promise<ObjectInfo | undefined> {
    const { bucket } = this;
    const input = { Bucket: bucket.name, Key: bucket.keyOf(key) };
    try {
      const answer = await bucket.send({ act: 'look at', key, signal }, (client, o) =>
        client.send(new HeadObjectCommand(input), o),
      );
      const modifiedAt = answer.LastModified ?? bucket.clock.now();
      return { key, sizeBytes: answer.ContentLength ?? 0, modifiedAt, etag: etagOf(answer.ETag) };
    } catch (error) {
      if (hasCode(error, 'store/access-denied')) return await this.lookInList(key, error, signal);
      if (!hasCode(error, 'store/not-found')) throw error;
      await bucket.checkExists(signal);
      return undefined;
    }
  }

  async *list({ prefix = '', after, signal }: ListOptions = {}): AsyncGenerator<ObjectInfo> {
    const { bucket } = this;
    const input = { Bucket: bucket.name, Prefix: bucket.prefixOf(prefix), EncodingType: 'url' as const };
    const start = after === undefined ? {} : { StartAfter: bucket.keyOf(after) };
    for (let from: Where | undefined = start; from !== undefined;) {
      const pageInput: ListObjectsV2CommandInput = { ...input, ...from };
      const page: ListObjectsV2CommandOutput = await bucket.send({ act: 'list objects', signal }, (client, o) =>
        client.send(new ListObjectsV2Command(pageInput), o),
      );
      for (const found of page.Contents ?? []) {
        signal?.throwIfAborted();
        const key = bucket.ownKey(decodeKey(found.Key ?? ''));
        if (key === undefined) continue; // a folder marker of some browser, or the like
        const modifiedAt = found.LastModified ?? bucket.clock.now();
        yield { key, sizeBytes: found.Size ?? 0, modifiedAt, etag: etagOf(found.ETag) };
      }
      if (page.IsTruncated === true && page.NextContinuationToken === undefined)
        throw bucket.error({ act: 'list objects' }, new Error('the answer is cut, but says not how to go on'));
      from = page.IsTruncated === true ? { ContinuationToken: page.NextContinuationToken } : undefined;
    }
  }

  /**
   * Whoever may list and not read (s3:ListBucket without s3:GetObject) is told the same by a list. Throws `refusal` when
   * that is refused too, or what is really wrong: the answer to a list, unlike that to HEAD, has words.
   */
  private async lookInList(key: string, refusal: unknown, signal?: AbortSignal): Promise<ObjectInfo | undefined> {
    try {
      // The key itself comes first of all that begin with it.
      for await (const info of this.list({ prefix: key, ...(signal ? { signal } : {}) }))
        return info.key === key ? info : undefined;
      return undefined;
    } catch (error) {
      throw hasCode(error, 'store/access-denied') ? refusal : error;
    }
  }

  /** Nothing is deferred: what S3 has acknowledged is durable. */
  async sync(signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
  }

  async delete(keys: readonly string[], signal?: AbortSignal): Promise<void> {
    const { bucket } = this;
    const all = [...new Set(keys)].map((key) => bucket.keyOf(key));
    for (let start = 0; start < all.length; start += deleteBatch) {
      const Objects = all.slice(start, start + deleteBatch).map((Key) => ({ Key }));
      const sending = { act: `delete ${Objects.length} objects`, signal };
      const { Errors = [] } = await bucket.send(sending, (client, o) =>
        client.send(new DeleteObjectsCommand({ Bucket: bucket.name, Delete: { Objects, Quiet: true } }), o),
      );
      const failed = Errors.find(({ Code }) => Code !== 'NoSuchKey');
      if (failed === undefined) continue;
      const key = bucket.ownKey(failed.Key ?? '');
      throw bucket.error({ act: 'delete', key }, { Code: failed.Code, message: failed.Message });
    }
  }

  sweep(olderThan: Date, signal?: AbortSignal): Promise<number> {
    return sweepUploads(this.bucket, olderThan, signal);
  }

  async close(): Promise<void> {
    this.bucket.close();
  }
}

/** Opens the store that `spec` describes; sends nothing yet. */
export async function openS3Store(spec: S3StoreSpec, clock: Clock): Promise<ObjectStore> {
  return new S3Store(await openBucket(spec, clock));
}
