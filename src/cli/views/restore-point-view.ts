import { formatBytes } from '../../base/bytes.ts';
import type { RestorePoint } from '../../vault/index.ts';
import type { KeptRestorePoint } from '../vaults/open-vaults.ts';
import { type Column, formatTable, visible } from './table.ts';

/** How many digits of an id people are shown. */
export const shortIdLength = 8;

export const shortId = (point: RestorePoint): string => point.id.slice(0, shortIdLength);

/** "2026-03-01 02:03:04" in UTC. */
export const formatTime = (time: Date): string => time.toISOString().slice(0, 19).replace('T', ' ');

/** What `list --json` promises of a restore point. */
export function restorePointDocument(point: RestorePoint): Record<string, unknown> {
  return {
    id: point.id,
    time: point.startedAt.toISOString(),
    vault: point.vault,
    format: point.format,
    source: { type: point.source.type, name: point.source.name },
    job: point.job,
    runId: point.runId,
    host: point.host,
    sizeBytes: point.sizeBytes,
    storedBytes: point.storedBytes,
    files: point.files,
    status: point.status,
    verifiedAt: null,
    provenAt: null,
    paths: point.source.paths,
    tags: point.tags,
  };
}

type PointColumn = Column<KeptRestorePoint>;

const idColumns: readonly PointColumn[] = [
  { title: 'ID', cell: ({ point }) => shortId(point) },
  { title: 'TIME (UTC)', cell: ({ point }) => formatTime(point.startedAt) },
];

const factColumns: readonly PointColumn[] = [
  { title: 'SOURCE', cell: ({ point }) => `${point.source.type} ${point.source.name}` },
  { title: 'FILES', align: 'right', cell: ({ point }) => String(point.files) },
  { title: 'SIZE', align: 'right', cell: ({ point }) => formatBytes(point.sizeBytes) },
  { title: 'STORED', align: 'right', cell: ({ point }) => formatBytes(point.storedBytes) },
  { title: 'FORMAT', cell: ({ point }) => point.format },
  { title: 'STATUS', cell: ({ point }) => point.status },
  { title: 'VAULT', cell: ({ vault }) => vault.name },
];

/** What restic's compact lists show beside id and time. */
export const compactColumns: readonly Column<{ readonly point: RestorePoint }>[] = [
  { title: 'HOST', cell: ({ point }) => point.host },
  { title: 'TAGS', cell: ({ point }) => point.tags.join(',') },
];

/** The restore points as a table for people. */
export function restorePointTable(
  kept: readonly KeptRestorePoint[],
  { compact = false }: { readonly compact?: boolean } = {},
): string[] {
  return formatTable<KeptRestorePoint>([...idColumns, ...(compact ? compactColumns : factColumns)], kept);
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : ['', title, ...lines.map((line) => `  ${visible(line)}`)];
}

/** Everything that is known of one restore point, for people. */
export function restorePointDetails({ vault, point }: KeptRestorePoint): string[] {
  const { details, problems } = point;
  const seconds = (point.finishedAt.getTime() - point.startedAt.getTime()) / 1000;
  return [
    `restore point  ${point.id}`,
    `status         ${point.status}`,
    `source         ${point.source.type} ${visible(point.source.name)}`,
    `paths          ${point.source.paths.map(visible).join(', ')}`,
    `job            ${visible(point.job)} on ${point.host}`,
    `run            ${point.runId}`,
    `time           ${formatTime(point.startedAt)} UTC, took ${seconds.toFixed(1)} s`,
    `content        ${point.files} files, ${formatBytes(point.sizeBytes)}`,
    `stored         ${formatBytes(point.storedBytes)} as ${point.format} in ${vault.name} (${vault.label})`,
    ...(point.tags.length > 0 ? [`tags           ${point.tags.join(', ')}`] : []),
    ...section('objects', point.keys),
    ...section('server', details.serverVersion === undefined ? [] : [`PostgreSQL ${details.serverVersion}`]),
    ...section(
      'programs',
      Object.entries(details.toolVersions ?? {}).map(([name, version]) => `${name} ${version}`),
    ),
    ...section(
      'rows',
      Object.entries(details.rowCounts ?? {}).map(([table, rows]) => `${table}  ${rows}`),
    ),
    ...section('notes', details.notes ?? []),
    ...section(
      'problems',
      problems.map(({ kind, path, message }) => `${kind}: ${path}: ${message}`),
    ),
  ];
}
