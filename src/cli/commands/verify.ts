import type { Command } from 'commander';
import { verifyRestorePoints } from '../../engine/index.ts';
import type { CommandWork } from '../command-work.ts';
import type { CliContext } from '../context.ts';
import { exitStatus } from '../exit-status.ts';
import { listAll, withVaults, type FromOptions, type KeptRestorePoint } from '../vaults/open-vaults.ts';
import { createProgressLine, noProgressLine } from '../progress-line.ts';
import { shortId } from '../views/restore-point-view.ts';
import { visible } from '../views/table.ts';
import { addFromOptions } from '../arguments/vault-options.ts';
import { findRestorePoint } from '../../vault/index.ts';

export interface VerifyCommandOptions extends FromOptions {
  readonly readData?: boolean;
}

function chosen(all: readonly KeptRestorePoint[], id: string | undefined): readonly KeptRestorePoint[] {
  if (id === undefined) return all;
  const points = all.map((kept) => kept.point);
  const chosenId = findRestorePoint(points, id).id;
  return all.filter(({ point }) => point.id === chosenId);
}

/** Verifies one restore point or all; any finding ends with status 2. */
export async function verify(
  id: string | undefined,
  options: VerifyCommandOptions,
  context: CliContext,
): Promise<void> {
  const { output, signal } = context;
  const line = context.interactive ? createProgressLine(context.streams.stderr, context.clock) : noProgressLine;
  // What a copy on this machine says proves nothing of the vault.
  await withVaults(options, { ...context, cacheDir: undefined }, async (vaults) => {
    let unreadable = 0;
    const points = chosen(await listAll(vaults, context, () => (unreadable += 1)), id);
    const readData = options.readData ?? false;
    const reports = await verifyRestorePoints(points, {
      readData,
      signal,
      onProgress: ({ point, bytes }) =>
        line.update(`verify ${shortId(point)}`, { files: 0, bytes }, { files: 0, bytes: point.storedBytes }),
      onReport: ({ point, findings }) => {
        line.clear();
        const isSound = findings.length === 0;
        output[isSound ? 'done' : 'line'](
          `${shortId(point)}  ${visible(point.source.name)}  ${isSound ? 'ok' : 'DAMAGED'}`,
        );
        for (const { code, message } of findings) output.line(`  ${message} [${code}]`);
      },
    });
    line.clear();
    const damaged = reports.filter(({ findings }) => findings.length > 0).length;
    output.document({
      status: damaged + unreadable === 0 ? 'ok' : 'damaged',
      readData,
      unreadable,
      restorePoints: reports.map(({ point, findings }) => ({ id: point.id, vault: point.vault, findings })),
    });
    const how = readData ? 'every byte read' : 'sizes and structure only; --read-data reads every byte';
    output.note(`${reports.length} restore point(s) verified (${how}), ${damaged} damaged, ${unreadable} unreadable`);
    if (damaged + unreadable > 0) context.setExitStatus(exitStatus.runFailed);
  });
}

function defineVerify(command: Command): Command {
  return addFromOptions(command)
    .argument('[id]', 'a restore point, or "latest"; all when left out')
    .option('--read-data', 'read, decrypt and decompress every byte, and compare the hashes');
}

export const verifyCommand: CommandWork = { define: defineVerify, run: verify };
