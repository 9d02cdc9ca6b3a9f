import type { ListOptions, ObjectInfo, ObjectStore } from '../../store/index.ts';
import { type ManifestPattern, pendingPrefixOf } from './mirror-spec.ts';

/** What of a mirror stands in a store. */
export interface FoundMirror {
  readonly manifestKey: string;
  readonly hasManifest: boolean;
  readonly hasJournal: boolean;
}

/** Comes after every key of a folder. */
const lastInFolder = '\u{10FFFF}';
const pendingEnd = /\.pending$/;

/** Every object and folder at the depth where manifests are. What is deeper is skipped, not listed: it may be millions. */
async function* namesAt(
  store: ObjectStore,
  { prefix, segments }: ManifestPattern,
  signal: AbortSignal,
): AsyncGenerator<{ readonly name: string; readonly isFolder: boolean }> {
  let from: ListOptions | undefined = {};
  while (from) {
    const objects: AsyncIterable<ObjectInfo> = store.list({ prefix, signal, ...from });
    from = undefined;
    for await (const { key } of objects) {
      const parts = key.split('/');
      const name = parts.slice(0, segments).join('/');
      yield { name, isFolder: parts.length > segments };
      if (parts.length <= segments) continue;
      from = { after: `${name}/${lastInFolder}` };
      break;
    }
  }
}

/** Every mirror of which a manifest or a journal stands in the store. */
export async function findMirrors(
  store: ObjectStore,
  pattern: ManifestPattern,
  signal: AbortSignal,
): Promise<FoundMirror[]> {
  if (pattern.only !== undefined) {
    const manifestKey = pattern.only;
    const journal = store.list({ prefix: pendingPrefixOf(manifestKey), signal })[Symbol.asyncIterator]();
    const hasJournal = (await journal.next()).done !== true;
    await journal.return?.();
    const hasManifest = (await store.head(manifestKey, signal)) !== undefined;
    return hasManifest || hasJournal ? [{ manifestKey, hasManifest, hasJournal }] : [];
  }
  const found = new Map<string, FoundMirror>();
  for await (const { name, isFolder } of namesAt(store, pattern, signal)) {
    const manifestKey = isFolder ? name.replace(pendingEnd, '') : name;
    if (!pattern.matches.test(manifestKey) || (isFolder && manifestKey === name)) continue;
    const known = found.get(manifestKey) ?? { manifestKey, hasManifest: false, hasJournal: false };
    found.set(manifestKey, { ...known, ...(isFolder ? { hasJournal: true } : { hasManifest: true }) });
  }
  return [...found.values()];
}
