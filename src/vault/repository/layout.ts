/** The folders of a repository; each file in them is named by the SHA-256 of its bytes. */
export type FileKind = 'keys' | 'index' | 'snapshots' | 'locks' | 'data';

export const configKey = 'config';

/** Where the locks of jobs are, which are no part of the format. */
export const ownFolder = 'holdfast/';

/** The store's key of a repository's file. Packs are spread over 256 folders by the first byte of their names. */
export function fileKey(kind: FileKind, id: string): string {
  return kind === 'data' ? `data/${id.slice(0, 2)}/${id}` : `${kind}/${id}`;
}

/** The name in a key of `kind`, or undefined where it is no file of a repository. */
export function idOfKey(kind: FileKind, key: string): string | undefined {
  const id = key.slice(key.lastIndexOf('/') + 1);
  return /^[0-9a-f]{64}$/.test(id) && key === fileKey(kind, id) ? id : undefined;
}
