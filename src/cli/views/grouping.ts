import { InvalidArgumentError, Option, type Command } from 'commander';
import type { KeptRestorePoint } from '../vaults/open-vaults.ts';

/** What restic groups snapshots by. */
export type GroupName = 'host' | 'paths' | 'tags';

/** What the restore points of a group have in common; undefined by what they are not told apart. */
export interface GroupKey {
  readonly host?: string;
  readonly paths?: readonly string[];
  readonly tags?: readonly string[];
}

export interface Group {
  readonly key: GroupKey;
  readonly kept: readonly KeptRestorePoint[];
}

const groupNames: Readonly<Record<string, GroupName>> = {
  host: 'host',
  hosts: 'host',
  path: 'paths',
  paths: 'paths',
  tag: 'tags',
  tags: 'tags',
};

function parseGrouping(text: string): readonly GroupName[] {
  const names = text.split(',').filter((name) => name !== '');
  const known = names.map((name) => groupNames[name]);
  if (known.every((name) => name !== undefined)) return known;
  throw new InvalidArgumentError('host, paths, tags with commas between them are expected, or "" for none of them.');
}

export const addGroupOption = (command: Command, does: string): Command =>
  command.addOption(new Option('-g, --group-by <names>', does).argParser(parseGrouping));

function keyOf({ point }: KeptRestorePoint, names: readonly GroupName[]): GroupKey {
  return {
    ...(names.includes('host') && { host: point.host }),
    ...(names.includes('paths') && { paths: point.source.paths.toSorted() }),
    ...(names.includes('tags') && { tags: point.tags.toSorted() }),
  };
}

/** The restore points that have the same of everything that is named, in the order in which they came. */
export function groupRestorePoints(kept: readonly KeptRestorePoint[], names: readonly GroupName[]): readonly Group[] {
  const groups = Map.groupBy(kept, (one) => JSON.stringify(keyOf(one, names)));
  return [...groups].map(([key, own]) => ({ key: JSON.parse(key) as GroupKey, kept: own }));
}

/** For people: "host db1, paths /etc, /home"; empty where nothing is told apart. */
export function groupLabel({ host, paths, tags }: GroupKey): string {
  return [
    ...(host === undefined ? [] : [`host ${host}`]),
    ...(paths === undefined ? [] : [`paths ${paths.join(', ')}`]),
    ...(tags === undefined ? [] : [`tags ${tags.join(', ') || 'none'}`]),
  ].join(', ');
}

/** The key in restic's words, to which no tags are the same as any tags. */
export const groupKeyDocument = ({ host = '', paths, tags = [] }: GroupKey): Record<string, unknown> => ({
  hostname: host,
  paths: paths ?? null,
  tags: tags.length === 0 ? null : tags,
});
