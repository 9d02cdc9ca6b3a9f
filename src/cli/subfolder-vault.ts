import type { SourceEntry } from '../source/index.ts';
import { type RestorePoint, type Vault, vaultError } from '../vault/index.ts';

const slash = 0x2f;

/** The path below a folder: empty for the folder itself, undefined for what is not in it. */
function below(path: Buffer, folder: Buffer): Buffer | undefined {
  if (path.equals(folder)) return Buffer.alloc(0);
  if (path.length <= folder.length || path[folder.length] !== slash) return undefined;
  return path.subarray(0, folder.length).equals(folder) ? path.subarray(folder.length + 1) : undefined;
}

async function* entriesIn(vault: Vault, point: RestorePoint, folder: Buffer, signal: AbortSignal) {
  let found = false;
  for await (const entry of vault.read(point, signal)) {
    const path = below(entry.path, folder);
    if (!path) continue;
    if (!found && entry.type !== 'directory')
      throw vaultError('path-not-found', {
        message: `"${folder.toString()}" is a ${entry.type} in this restore point, not a directory`,
        hint: 'Choose it with --include instead',
      });
    found = true;
    const { hardLinkTo, ...rest } = entry;
    const first = hardLinkTo && below(hardLinkTo, folder);
    yield { ...rest, path, ...(first && { hardLinkTo: first }) } satisfies SourceEntry;
  }
  if (found) return;
  throw vaultError('path-not-found', {
    message: `the restore point ${point.id.slice(0, 8)} holds no "${folder.toString()}"`,
    hint: 'holdfast ls ID lists what it holds',
  });
}

/** The same vault, whose restore points seem to hold one of their folders only: what "ID:folder" means. */
export function subfolderVault(vault: Vault, folder: string): Vault {
  const path = Buffer.from(folder.replaceAll(/^[./]*\/|\/+$/g, ''));
  if (path.length === 0) return vault;
  return {
    name: vault.name,
    type: vault.type,
    label: vault.label,
    write: (...words) => vault.write(...words),
    list: (options) => vault.list(options),
    read: (point, signal) => entriesIn(vault, point, path, signal),
    verify: (...words) => vault.verify(...words),
    forget: (...words) => vault.forget(...words),
    sweep: (...words) => vault.sweep(...words),
    close: () => vault.close(),
  };
}
