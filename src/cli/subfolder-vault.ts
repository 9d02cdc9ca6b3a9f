import type { SourceEntry } from '../source/index.ts';
import { type PiecedEntry, type RestorePoint, type Vault, vaultError } from '../vault/index.ts';

const slash = 0x2f;

/** The path below a folder: empty for the folder itself, undefined for what is not in it. */
function below(path: Buffer, folder: Buffer): Buffer | undefined {
  if (path.equals(folder)) return Buffer.alloc(0);
  if (path.length <= folder.length || path[folder.length] !== slash) return undefined;
  return path.subarray(0, folder.length).equals(folder) ? path.subarray(folder.length + 1) : undefined;
}

/** Takes the entries of a restore point, and gives those of a folder as if it were the whole. */
function folderTaker(point: RestorePoint, folder: Buffer) {
  let found = false;
  return {
    /** Undefined for what is not in the folder. */
    take(entry: SourceEntry): SourceEntry | undefined {
      const path = below(entry.path, folder);
      if (!path) return undefined;
      if (!found && entry.type !== 'directory')
        throw vaultError('path-not-found', {
          message: `"${folder.toString()}" is a ${entry.type} in this restore point, not a directory`,
          hint: 'Choose it with --include instead',
        });
      found = true;
      const { hardLinkTo, ...rest } = entry;
      const first = hardLinkTo && below(hardLinkTo, folder);
      return { ...rest, path, ...(first && { hardLinkTo: first }) };
    },
    /** To be called behind the last entry: a folder that was not there is an error. */
    end(): void {
      if (found) return;
      throw vaultError('path-not-found', {
        message: `the restore point ${point.id.slice(0, 8)} holds no "${folder.toString()}"`,
        hint: 'holdfast ls ID lists what it holds',
      });
    },
  };
}

async function* entriesIn(
  entries: AsyncIterable<SourceEntry>,
  point: RestorePoint,
  folder: Buffer,
): AsyncGenerator<SourceEntry> {
  const taker = folderTaker(point, folder);
  for await (const entry of entries) {
    const taken = taker.take(entry);
    if (taken) yield taken;
  }
  taker.end();
}

async function* piecesIn(
  entries: AsyncIterable<PiecedEntry>,
  point: RestorePoint,
  folder: Buffer,
): AsyncGenerator<PiecedEntry> {
  const taker = folderTaker(point, folder);
  for await (const { entry, ...pieces } of entries) {
    const taken = taker.take(entry);
    if (taken) yield { entry: taken, ...pieces };
  }
  taker.end();
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
    read: (point, signal) => entriesIn(vault.read(point, signal), point, path),
    ...(readPieces && { readPieces: (point, signal) => piecesIn(readPieces(point, signal), point, path) }),
    verify: (...words) => vault.verify(...words),
    forget: (...words) => vault.forget(...words),
    sweep: (...words) => vault.sweep(...words),
    close: () => vault.close(),
  };
}
