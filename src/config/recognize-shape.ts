import { formOfConfigs } from './shapes/backup-configs.ts';

/** The shapes in which a file may be written. */
export type FileShape = 'native' | 'backup-s3' | 'backup-targets' | 'backup-configs';

const marks: readonly (readonly [FileShape, readonly string[]])[] = [
  ['backup-s3', ['backup']],
  ['backup-targets', ['backup_targets', 'volume_backups', 'backup_config']],
  ['native', ['jobs', 'vaults', 'stores', 'notifications']],
  ['backup-configs', ['destination', 'sources', 'schedule', 'options']],
];

/** Tells by the keys at its top in which shape a document is written; what is none of the others is native. */
export function recognizeShape(document: unknown): FileShape {
  if (typeof document !== 'object' || document === null) return 'native';
  if (formOfConfigs(document) !== 'one') return 'backup-configs';
  return marks.find(([, keys]) => keys.some((key) => Object.hasOwn(document, key)))?.[0] ?? 'native';
}
