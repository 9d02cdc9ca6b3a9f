import {
  AbortMultipartUploadCommand,
  ListMultipartUploadsCommand,
  type ListMultipartUploadsCommandOutput,
  type MultipartUpload,
} from '@aws-sdk/client-s3';
import type { S3Bucket } from './s3-bucket.ts';
import { isUploadGone } from './s3-upload.ts';

/** The unfinished uploads below the store's prefix. */
async function* unfinishedUploads(bucket: S3Bucket, signal?: AbortSignal): AsyncGenerator<MultipartUpload> {
  const input = { Bucket: bucket.name, Prefix: bucket.prefixOf('') };
  let from: { KeyMarker?: string; UploadIdMarker?: string } | undefined = {};
  while (from !== undefined) {
    const page: ListMultipartUploadsCommandOutput = await bucket.send(
      { act: 'list unfinished uploads', signal },
      (client, o) => client.send(new ListMultipartUploadsCommand({ ...input, ...from }), o),
    );
    yield* page.Uploads ?? [];
    from =
      page.IsTruncated === true && page.NextKeyMarker !== undefined
        ? { KeyMarker: page.NextKeyMarker, UploadIdMarker: page.NextUploadIdMarker ?? '' }
        : undefined;
  }
}

/** Aborts the uploads that were started before `olderThan`. Returns how many. */
export async function sweepUploads(bucket: S3Bucket, olderThan: Date, signal?: AbortSignal): Promise<number> {
  let removed = 0;
  for await (const { Key, UploadId, Initiated } of unfinishedUploads(bucket, signal)) {
    const isOld = Initiated !== undefined && Initiated.getTime() < olderThan.getTime();
    if (!isOld || Key === undefined || UploadId === undefined) continue;
    try {
      await bucket.send({ act: 'abort an old upload of', key: Key, signal }, (client, o) =>
        client.send(new AbortMultipartUploadCommand({ Bucket: bucket.name, Key, UploadId }), o),
      );
      removed += 1;
    } catch (error) {
      if (!isUploadGone(error)) throw error;
    }
  }
  return removed;
}
