import type { ChecksumAlgorithm, ServerSideEncryption, StorageClass } from '@aws-sdk/client-s3';
import type { PutOptions } from '../object-store.ts';
import type { S3StoreSpec } from '../store-spec.ts';

interface PartSettings {
  readonly ChecksumAlgorithm?: ChecksumAlgorithm;
}

interface ObjectSettings extends PartSettings {
  readonly Metadata?: Record<string, string>;
  readonly StorageClass?: StorageClass;
  readonly ServerSideEncryption?: ServerSideEncryption;
  readonly SSEKMSKeyId?: string;
}

/** What each part of an upload is sent with. Named outright: some stores check no checksum that isn't announced. */
export function partSettings({ checksums = 'always' }: S3StoreSpec): PartSettings {
  return checksums === 'always' ? { ChecksumAlgorithm: 'CRC32' } : {};
}

/** What each object is written with. */
export function objectSettings(spec: S3StoreSpec, metadata: PutOptions['metadata'] = {}): ObjectSettings {
  const { sse, storageClass } = spec;
  return {
    ...partSettings(spec),
    ...(Object.keys(metadata).length === 0 ? {} : { Metadata: { ...metadata } }),
    ...(storageClass === undefined ? {} : { StorageClass: storageClass as StorageClass }),
    ...(sse === undefined ? {} : { ServerSideEncryption: sse.type }),
    ...(sse?.keyId === undefined ? {} : { SSEKMSKeyId: sse.keyId }),
  };
}

/** When a write may happen. */
export function conditions({ ifAbsent, ifMatch }: PutOptions): { IfNoneMatch?: string; IfMatch?: string } {
  return {
    ...(ifAbsent === true ? { IfNoneMatch: '*' } : {}),
    ...(ifMatch === undefined ? {} : { IfMatch: `"${ifMatch}"` }),
  };
}

/** Stores quote ETags or not, as they like. */
export function etagOf(etag: string | undefined): string {
  return (etag ?? '').replaceAll('"', '');
}
