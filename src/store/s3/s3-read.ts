import { GetObjectCommand, type GetObjectCommandOutput } from '@aws-sdk/client-s3';
import { byteRange } from '../byte-range.ts';
import type { GetOptions, ObjectStore } from '../object-store.ts';
import { changed, notFound, shortRead } from '../outcomes.ts';
import { etagOf } from './object-settings.ts';
import type { S3Bucket } from './s3-bucket.ts';

/** "bytes 5-9/20" -> 20. */
function totalOf(answer: GetObjectCommandOutput): number {
  const total = /\/(\d+)$/.exec(answer.ContentRange ?? '')?.[1];
  return total === undefined ? (answer.ContentLength ?? 0) : Number(total);
}

function rangeHeader({ offset = 0, length }: GetOptions): { Range?: string } {
  if (offset === 0 && length === undefined) return {};
  return { Range: `bytes=${offset}-${length === undefined ? '' : offset + length - 1}` };
}

/** A range of no bytes can't be asked for in HTTP; the object's size decides whether it lies inside. */
async function checkEmptyRange(store: ObjectStore, key: string, options: GetOptions): Promise<void> {
  const info = await store.head(key, options.signal);
  if (info === undefined) throw notFound(key);
  if (options.ifMatch !== undefined && info.etag !== options.ifMatch) throw changed(key);
  byteRange(key, info.sizeBytes, options);
  options.onInfo?.(info);
}

/** The answer to a read, or undefined when there is nothing to read in the range. */
async function startRead(reading: Reading): Promise<GetObjectCommandOutput | undefined> {
  const { bucket, store, key, options } = reading;
  if (options.length !== 0) {
    const { signal, ifMatch, into } = options;
    const condition = ifMatch === undefined ? {} : { IfMatch: `"${ifMatch}"` };
    const input = { Bucket: bucket.name, Key: bucket.keyOf(key), ...rangeHeader(options), ...condition };
    try {
      return await bucket.send({ act: 'read', key, signal, into }, (client, o) =>
        client.send(new GetObjectCommand(input), o),
      );
    } catch (error) {
      const { cause } = error as { cause?: { $metadata?: { httpStatusCode?: number } } };
      if (cause?.$metadata?.httpStatusCode !== 416) throw error;
    }
  }
  await checkEmptyRange(store, key, options);
  return undefined;
}

interface Reading {
  readonly bucket: S3Bucket;
  /** The store whose `get` this is. */
  readonly store: ObjectStore;
  readonly key: string;
  readonly options: GetOptions;
}

/** ObjectStore.get for a bucket. */
export async function* readObject(reading: Reading): AsyncGenerator<Uint8Array> {
  const { bucket, key, options } = reading;
  const answer = await startRead(reading);
  if (answer === undefined) return;
  const body = answer.Body as (AsyncIterable<Uint8Array> & { destroy(): void }) | undefined;
  if (body === undefined) throw shortRead(key, answer.ContentLength ?? 0, 0);
  try {
    const sizeBytes = totalOf(answer);
    const { start, end } = byteRange(key, sizeBytes, options);
    const modifiedAt = answer.LastModified ?? bucket.clock.now();
    options.onInfo?.({ key, sizeBytes, modifiedAt, etag: etagOf(answer.ETag) });
    yield* counted(body, key, end - start);
  } catch (error) {
    throw bucket.error({ act: 'read', key, signal: options.signal }, error);
  } finally {
    body.destroy();
  }
}

/** Passes the bytes on, and makes sure that there are as many as announced. */
async function* counted(body: AsyncIterable<Uint8Array>, key: string, announced: number): AsyncGenerator<Uint8Array> {
  let received = 0;
  for await (const chunk of body) {
    received += chunk.length;
    if (received > announced) break;
    yield chunk;
  }
  if (received !== announced) throw shortRead(key, announced, received);
}
