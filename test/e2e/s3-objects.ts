import {
  DeleteObjectCommand,
  ListMultipartUploadsCommand,
  paginateListObjectsV2,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import type { S3Server } from '../servers/s3.ts';

/** What stands in a bucket, seen from outside the product. */
export interface BucketContent {
  readonly keys: readonly string[];
  /** Keys of uploads that were begun and neither completed nor aborted. */
  readonly unfinished: readonly string[];
}

export async function bucketContent(server: S3Server, bucket: string): Promise<BucketContent> {
  const client = server.client();
  try {
    const keys: string[] = [];
    for await (const { Contents = [] } of paginateListObjectsV2({ client }, { Bucket: bucket }))
      keys.push(...Contents.map(({ Key }) => Key ?? ''));
    const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket: bucket }));
    return { keys, unfinished: Uploads.map(({ Key }) => Key ?? '') };
  } finally {
    client.destroy();
  }
}

export async function deleteObject(server: S3Server, bucket: string, key: string): Promise<void> {
  const client = server.client();
  try {
    await client.send(new DeleteObjectCommand({ Bucket: bucket, Key: key }));
  } finally {
    client.destroy();
  }
}

/** Puts an object with a few bytes under each of the keys. */
export async function putObjects(s3: S3Server, bucket: string, keys: readonly string[]): Promise<void> {
  const client = s3.client();
  try {
    for (const Key of keys) await client.send(new PutObjectCommand({ Bucket: bucket, Key, Body: 'theirs' }));
  } finally {
    client.destroy();
  }
}
