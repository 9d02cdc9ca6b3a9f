import type { rightFiles } from './right-configurations.ts';
import { wrongNative } from './wrong-native.ts';
import { wrongBackupConfigs, wrongBackupS3, wrongBackupTargets } from './wrong-documents.ts';

/** One mistake put into a right file. */
export interface WrongFile {
  readonly what: string;
  readonly shape: keyof typeof rightFiles;
  readonly from: string;
  readonly to: string;
  readonly line: number;
  /** What the message says behind the line. */
  readonly says: string;
  /** May stand in the file with the others so marked, and hides none of them. */
  readonly together?: true;
}

/** The line, what is replaced by what, what the message says, what is wrong, and whether it goes together with others. */
export type WrongRow = readonly [number, string, string, string, string, true?];

const rowsOf = (shape: WrongFile['shape'], rows: readonly WrongRow[]): WrongFile[] =>
  rows.map(([line, from, to, says, what, together]) => ({
    shape,
    line,
    from,
    to,
    says,
    what: `${shape}: ${what}`,
    ...(together && { together }),
  }));

export const wrongFiles: readonly WrongFile[] = [
  ...rowsOf('native', wrongNative),
  ...rowsOf('backupS3', wrongBackupS3),
  ...rowsOf('backupTargets', wrongBackupTargets),
  ...rowsOf('backupConfigs', wrongBackupConfigs),
];
