import { pathNotFound } from '../../engine/index.ts';
import type { SourceEntry } from '../../source/index.ts';
import { type PiecedEntry, type RestorePoint, type Vault, vaultError } from '../../vault/index.ts';

const slash = 0x2f;

/** The path below a folder: empty for the folder itself, undefined for what is not in it. */
function below(path: Buffer, folder: Buffer): Buffer | undefined {
  if (path.equals(folder)) return Buffer.alloc(0);
  if (path.length <= folder.length || path[folder.length] !== slash) return undefined;
  return path.subarray(0, folder.length).equals(folder) ? path.subarray(folder.length + 1) : undefined;
}

/** What comes with an entry, such as the pieces of its content. */
interface Carrier {
  readonly entry: SourceEntry;
}

function checkFolder({ type }: SourceEntry, folder: Buffer): void {
  if (type === 'directory') return;
  throw vaultError('path-not-found', {
    message: `"${folder.toString()}" is a ${type} in this restore point, not a directory`,
    hint: 'Choose it with --include instead',
  });
}

/**
 * Of the entries of a restore point those of a folder, as if it were the whole. Of a file whose first name is outside the first
 * one within has the content, and comes last: it is read once more.
 */
async function* within<Carried extends Carrier>(
  read: () => AsyncIterable<Carried>,
  point: RestorePoint,
  folder: Buffer,
): AsyncGenerator<Carried> {
  let found = false;
  const namesOf = new Map<string, SourceEntry[]>();
  for await (const carried of read()) {
    const { entry } = carried;
    const path = below(entry.path, folder);
    if (!path) continue;
    if (!found) checkFolder(entry, folder);
    found = true;
    const { hardLinkTo } = entry;
    const first = hardLinkTo && below(hardLinkTo, folder);
    if (!hardLinkTo) yield { ...carried, entry: { ...entry, path } };
    else if (first) yield { ...carried, entry: { ...entry, path, hardLinkTo: first } };
    else {
      const key = hardLinkTo.toString('latin1');
      namesOf.set(key, [...(namesOf.get(key) ?? []), { ...entry, path }]);
    }
  }
  if (!found) throw pathNotFound(point, folder.toString());
  if (namesOf.size === 0) return;
  for await (const carried of read()) {
    const [first, ...others] = namesOf.get(carried.entry.path.toString('latin1')) ?? [];
    if (!first) continue;
    yield { ...carried, entry: { ...carried.entry, path: first.path } };
    for (const other of others) yield { ...carried, entry: { ...other, hardLinkTo: first.path } };
  }
}

async function* carrying(entries: AsyncIterable<SourceEntry>): AsyncGenerator<Carrier> {
  for await (const entry of entries) yield { entry };
}

async function* entriesIn(
  read: () => AsyncIterable<SourceEntry>,
  point: RestorePoint,
  folder: Buffer,
): AsyncGenerator<SourceEntry> {
  for await (const { entry } of within(() => carrying(read()), point, folder)) yield entry;
}

/** The same vault, whose restore points seem to hold one of their folders only: what "ID:folder" means. */
export function subfolderVault(vault: Vault, folder: string): Vault {
  const path = Buffer.from(folder.replaceAll(/^[./]*\/|\/+$/g, ''));
  if (path.length === 0) return vault;
  const readPieces = vault.readPieces?.bind(vault);
  return {
    name: vault.name,
    type: vault.type,
    label: vault.label,
    write: (...words) => vault.write(...words),
    list: (options) => vault.list(options),
    read: (point, signal) => entriesIn(() => vault.read(point, signal), point, path),
    ...(readPieces && {
      readPieces: (point, signal) => within<PiecedEntry>(() => readPieces(point, signal), point, path),
    }),
    verify: (...words) => vault.verify(...words),
    forget: (...words) => vault.forget(...words),
    sweep: (...words) => vault.sweep(...words),
    close: () => vault.close(),
  };
}
