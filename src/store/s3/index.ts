/** The store in a bucket of Amazon S3 or of anything that speaks its protocol. */
export { openS3Store } from './s3-store.ts';
