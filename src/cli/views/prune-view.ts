import { targetLabel, type KeptPoint, type PruneReport, type TargetPruning } from '../../engine/index.ts';
import { formatBytes } from '../../base/bytes.ts';
import type { RestorePoint } from '../../vault/index.ts';
import { compactColumns, formatTime, restorePointDocument, shortId } from './restore-point-view.ts';
import { type Column, formatTable, visible } from './table.ts';

interface Row {
  readonly point: RestorePoint;
  readonly fate: string;
}

const keptRow = ({ point, reasons }: KeptPoint, compact: boolean): Row => ({
  point,
  fate: compact ? 'keep' : `keep: ${reasons.join(', ')}`,
});

const factColumns: readonly Column<Row>[] = [
  { title: 'SIZE', align: 'right', cell: ({ point }) => formatBytes(point.sizeBytes) },
  { title: 'STATUS', cell: ({ point }) => point.status },
];

/** One target for people: each restore point, whether it stays, and why. */
function targetLines({ target, kept, removed }: TargetPruning, compact: boolean): string[] {
  const rows = [...kept.map((one) => keptRow(one, compact)), ...removed.map((point) => ({ point, fate: 'remove' }))];
  const sorted = rows.toSorted((a, b) => b.point.startedAt.getTime() - a.point.startedAt.getTime());
  const table = formatTable<Row>(
    [
      { title: 'ID', cell: ({ point }) => shortId(point) },
      { title: 'TIME (UTC)', cell: ({ point }) => formatTime(point.startedAt) },
      ...(compact ? compactColumns : factColumns),
      { title: 'WHAT', cell: ({ fate }) => fate },
    ],
    sorted,
  );
  return [visible(targetLabel(target)), ...table.map((line) => `  ${line}`), ''];
}

/** What pruning a vault keeps and removes, for people. */
export function pruneLines(
  { vault, targets }: PruneReport,
  { compact = false }: { readonly compact?: boolean } = {},
): string[] {
  return [`vault ${visible(vault)}`, '', ...targets.flatMap((target) => targetLines(target, compact))];
}

/** What `forget --json` says of one vault. */
export function pruneDocument({ vault, targets, deleted, retained, findings }: PruneReport): Record<string, unknown> {
  return {
    vault,
    deleted,
    retained,
    targets: targets.map(({ target, kept, removed }) => ({
      ...target,
      keep: kept.map(({ point, reasons }) => ({ ...restorePointDocument(point), reasons })),
      remove: removed.map(restorePointDocument),
    })),
    findings: findings.map(({ code, message }) => ({ code, message })),
  };
}
