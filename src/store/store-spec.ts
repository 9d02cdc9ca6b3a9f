/** Where and how objects are kept in a bucket of an S3-compatible store. */
export interface S3StoreSpec {
  readonly type: 's3';
  readonly bucket: string;
  /** Put before each key, with one "/" between; empty unless given. */
  readonly prefix?: string;
  /** "us-east-1" unless given here or in the environment (AWS_REGION). */
  readonly region?: string;
  /** "https://host:port"; Amazon's own unless given. */
  readonly endpoint?: string;
  /** True puts the bucket in the path; so by default for endpoints that aren't Amazon's. */
  readonly pathStyle?: boolean;
  /** Without keys the SDK's default chain is asked: environment, shared files, container and instance roles. */
  readonly accessKeyId?: string;
  readonly secretAccessKey?: string;
  readonly sessionToken?: string;
  /** "STANDARD_IA", "GLACIER_IR": the store's own default unless given. */
  readonly storageClass?: string;
  /** Encryption at rest, done by the store. */
  readonly sse?: { readonly type: 'AES256' | 'aws:kms'; readonly keyId?: string };
  /** "always" sends a checksum with every upload; "when-required" is for stores that refuse them. */
  readonly checksums?: 'always' | 'when-required';
  /** PEM file of a private certificate authority; added to the public ones. */
  readonly caFile?: string;
  /** True takes whatever certificate the endpoint shows: whoever stands between can read and change everything. */
  readonly insecureTls?: boolean;
  /** Size of the first 1000 parts of an upload, 5 to 1024; 8 unless given. It doubles after every 1000 parts. */
  readonly partSizeMiB?: number;
}

/** Objects are files below a directory. */
export interface LocalStoreSpec {
  readonly type: 'local';
  readonly path: string;
}

/** Objects live in this process, and end with it. */
export interface MemoryStoreSpec {
  readonly type: 'memory';
}

export type StoreSpec = S3StoreSpec | LocalStoreSpec | MemoryStoreSpec;
