import type { CommandWork } from '../command-work.ts';
import type { CliContext } from '../context.ts';
import { withRestorePoint, addPointOptions, type PointOptions } from '../vaults/one-restore-point.ts';
import { restorePointDetails, restorePointDocument } from '../views/restore-point-view.ts';

/** Prints everything that is known of one restore point. */
async function show(id: string, options: PointOptions, context: CliContext): Promise<void> {
  await withRestorePoint(id, options, context, async (kept) => {
    const { point, vault } = kept;
    context.output.document({
      ...restorePointDocument(point),
      finishedAt: point.finishedAt.toISOString(),
      location: vault.label,
      keys: point.keys,
      details: point.details,
      problems: point.problems,
    });
    for (const line of restorePointDetails(kept)) context.output.line(line);
  });
}

export const showCommand: CommandWork = { define: addPointOptions, run: show, shows: true };
