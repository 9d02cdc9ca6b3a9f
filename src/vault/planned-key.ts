import type { VaultSpec } from './open-vault.ts';
import type { NewRestorePoint } from './vault.ts';

/**
 * The key that the artefact of a restore point will have, told before anything is opened; `entryName` is the name of
 * its one entry where the source is a file. Undefined in a vault that makes no artefact per run.
 */
export async function plannedKey(spec: VaultSpec, point: NewRestorePoint, entryName = ''): Promise<string | undefined> {
  if (spec.type !== 'archive') return undefined;
  const { artefactKey } = await import('./archive/artefact-key.ts');
  return artefactKey(spec, point, Buffer.from(entryName));
}
