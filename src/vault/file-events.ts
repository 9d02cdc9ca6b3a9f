/** What a vault that keeps each file by itself tells while it writes. Paths are escaped where they are not UTF-8. */
export interface FileEvents {
  /** A file's content has been sent: `sizeBytes` of it, to the object `key`. */
  readonly onFileStored?: (event: { readonly path: string; readonly key: string; readonly sizeBytes: number }) => void;
  /** The store did not take a file's content, after all attempts; or a folder is not believed, and has no key. */
  readonly onFileFailed?: (event: { readonly path: string; readonly key?: string; readonly error: unknown }) => void;
}
