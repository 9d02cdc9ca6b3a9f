import { randomUUID } from 'node:crypto';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  HeadObjectCommand,
  ListPartsCommand,
  UploadPartCommand,
  type CompletedPart,
} from '@aws-sdk/client-s3';
import { hasCode } from '../../base/errors.ts';
import type { ObjectInfo, PutOptions, Upload } from '../object-store.ts';
import { PartList } from '../part-list.ts';
import { conditions, etagOf, objectSettings, partSettings } from './object-settings.ts';
import { partSizes } from './part-size.ts';
import type { S3Bucket } from './s3-bucket.ts';

/** Metadata that tells, after an answer was lost, whether the object that is there now is the one we completed. */
const uploadIdHeader = 'holdfast-upload';

const cleanUpTimeoutMs = 30_000;

/** How long the answer to a begin is waited for that nobody wants any more. */
const answerTimeoutMs = 5000;

/** An object that is sent as a multipart upload. */
class S3Upload implements Upload {
  private readonly bucket: S3Bucket;
  private readonly key: string;
  private readonly options: PutOptions;
  private readonly putEmpty: () => Promise<ObjectInfo>;
  private readonly ids: { readonly uploadId: string; readonly mark: string };
  private readonly parts: PartList<CompletedPart>;
  readonly partSizeBytes: (index: number) => number;
  private done: ObjectInfo | undefined;
  private completions = 0;
  private isAborted = false;

  constructor(start: UploadStart, ids: { uploadId: string; mark: string }) {
    this.bucket = start.bucket;
    this.key = start.key;
    this.options = start.options;
    this.putEmpty = start.putEmpty;
    this.ids = ids;
    this.partSizeBytes = partSizes(start.key, start.bucket.spec.partSizeMiB);
    this.parts = new PartList(start.key, this.partSizeBytes);
  }

  async putPart(index: number, bytes: Uint8Array): Promise<void> {
    this.parts.check(index, bytes.length);
    const { signal, pace } = this.options;
    const PartNumber = index + 1;
    const settings = partSettings(this.bucket.spec);
    const input = { ...this.target(), ...settings, PartNumber, Body: bytes, ContentLength: bytes.length };
    const answer = await this.bucket.send({ act: `write part ${PartNumber} of`, key: this.key, signal, pace }, (c, o) =>
      c.send(new UploadPartCommand(input), o),
    );
    const { ETag, ChecksumCRC32 } = answer;
    this.parts.add(index, bytes.length, {
      PartNumber,
      ETag,
      ...(settings.ChecksumAlgorithm === undefined ? {} : { ChecksumCRC32 }),
    });
  }

  async complete(partCount: number): Promise<ObjectInfo> {
    if (this.done !== undefined) return this.done;
    const { signal, ifAbsent } = this.options;
    if (partCount === 0) {
      this.done = await this.putEmpty();
      await this.abort().catch(() => {}); // an empty unfinished upload; sweep removes it
      return this.done;
    }
    const { sizeBytes, receipts } = this.parts.finish(partCount);
    const input = { ...this.target(), ...conditions(this.options), MultipartUpload: { Parts: [...receipts] } };
    if (this.isAborted) throw this.gone();
    this.completions += 1;
    try {
      const sending = { act: 'complete', key: this.key, ifAbsent, signal };
      const { ETag } = await this.bucket.send(sending, (c, o) => c.send(new CompleteMultipartUploadCommand(input), o));
      this.done = { key: this.key, sizeBytes, modifiedAt: this.bucket.clock.now(), etag: etagOf(ETag) };
    } catch (error) {
      signal?.throwIfAborted();
      this.done = await this.afterFailure(error, sizeBytes);
    }
    return this.done;
  }

  async abort(): Promise<void> {
    this.isAborted = true;
    const signal = AbortSignal.timeout(cleanUpTimeoutMs);
    try {
      await this.bucket.send({ act: 'abort the upload of', key: this.key, signal }, (c, o) =>
        c.send(new AbortMultipartUploadCommand(this.target()), o),
      );
    } catch (error) {
      if (!isUploadGone(error)) throw error;
    }
  }

  private target(): { Bucket: string; Key: string; UploadId: string } {
    return { Bucket: this.bucket.name, Key: this.bucket.keyOf(this.key), UploadId: this.ids.uploadId };
  }

  private gone(cause?: unknown): unknown {
    return this.bucket.error({ act: 'complete', key: this.key }, { Code: 'NoSuchUpload', cause });
  }

  /**
   * The answer to an earlier try may have been lost. Then the upload is gone, or the condition fails, because of
   * ourselves. Stores say that it is gone in many ways (Ceph: 500 "completion is already in progress"); so it is asked.
   */
  private async afterFailure(error: unknown, sizeBytes: number): Promise<ObjectInfo> {
    const isCondition = hasCode(error, 'store/already-exists', 'store/changed');
    const mayBeGone = this.completions > 1 || isUploadGone(error);
    if (!isCondition && !(mayBeGone && !(await this.isUnfinished()))) throw error;
    const found = await this.findCompleted(sizeBytes);
    if (found !== undefined) return found;
    throw isCondition ? error : this.gone(error);
  }

  private async isUnfinished(): Promise<boolean> {
    const input = { ...this.target(), MaxParts: 1 };
    try {
      await this.bucket.send({ act: 'look at the upload of', key: this.key }, (client, options) =>
        client.send(new ListPartsCommand(input), options),
      );
      return true;
    } catch (error) {
      if (isUploadGone(error)) return false;
      throw error;
    }
  }

  private async findCompleted(sizeBytes: number): Promise<ObjectInfo | undefined> {
    const input = { Bucket: this.bucket.name, Key: this.bucket.keyOf(this.key) };
    try {
      const found = await this.bucket.send({ act: 'look at', key: this.key }, (client, options) =>
        client.send(new HeadObjectCommand(input), options),
      );
      if (found.Metadata?.[uploadIdHeader] !== this.ids.mark || found.ContentLength !== sizeBytes) return undefined;
      const modifiedAt = found.LastModified ?? this.bucket.clock.now();
      return { key: this.key, sizeBytes, modifiedAt, etag: etagOf(found.ETag) };
    } catch (error) {
      if (hasCode(error, 'store/not-found')) return undefined;
      throw error;
    }
  }
}

/** True when the store says that there is no such upload (any more). */
export function isUploadGone(error: unknown): boolean {
  const cause = (error as { cause?: { name?: string; Code?: string } }).cause;
  return hasCode(error, 'store/not-found') || cause?.name === 'NoSuchUpload' || cause?.Code === 'NoSuchUpload';
}

export interface UploadStart {
  readonly bucket: S3Bucket;
  readonly key: string;
  readonly options: PutOptions;
  /** S3 completes no upload without parts: this writes an empty object instead. */
  readonly putEmpty: () => Promise<ObjectInfo>;
}

/**
 * Calls `work` with a signal that aborts a while after `signal` does, with its reason: what is under way may come to its
 * end.
 */
async function patiently<Result>(
  signal: AbortSignal | undefined,
  work: (patient: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const controller = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const onAbort = (): void => {
    timer = setTimeout(() => controller.abort(signal?.reason), answerTimeoutMs);
  };
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    return await work(controller.signal);
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  } finally {
    signal?.removeEventListener('abort', onAbort);
    clearTimeout(timer);
  }
}

/**
 * Starts a multipart upload. Who is told to stop meanwhile waits for the answer, a few seconds at the most: without it
 * nobody could remove what the store may have begun.
 */
export async function startS3Upload(start: UploadStart): Promise<Upload> {
  const { bucket, key, options } = start;
  const { signal } = options;
  signal?.throwIfAborted();
  const mark = randomUUID();
  const settings = objectSettings(bucket.spec, { ...options.metadata, [uploadIdHeader]: mark });
  const input = { Bucket: bucket.name, Key: bucket.keyOf(key), ...settings };
  const { UploadId } = await patiently(signal, (patient) =>
    bucket.send({ act: 'start the upload of', key, signal: patient }, (c, o) =>
      c.send(new CreateMultipartUploadCommand(input), o),
    ),
  );
  if (UploadId === undefined)
    throw bucket.error({ act: 'start the upload of', key }, new Error('no upload ID in the answer'));
  const upload = new S3Upload(start, { uploadId: UploadId, mark });
  if (signal?.aborted) await upload.abort().catch(() => {}); // a later sweep finds it
  signal?.throwIfAborted();
  return upload;
}
