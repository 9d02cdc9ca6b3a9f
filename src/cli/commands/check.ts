import type { Command } from 'commander';
import { formatBytes } from '../../base/bytes.ts';
import type { CommandWork } from '../command-work.ts';
import type { CliContext } from '../context.ts';
import { cliError } from '../errors.ts';
import { exitStatus } from '../exit-status.ts';
import { checkFolder, chosenVaults, type FromOptions } from '../vaults/open-vaults.ts';
import { createProgressLine, noProgressLine } from '../progress-line.ts';
import { addFromOptions } from '../arguments/vault-options.ts';
import { openUse, type OpenedRepository } from '../vaults/with-repository.ts';
import { verify } from './verify.ts';

export interface CheckOptions extends FromOptions {
  readonly readData?: boolean;
  readonly readDataSubset?: string;
  readonly withCache?: boolean;
}

const steps = { indexes: 'indexes', packs: 'packs', trees: 'snapshots', data: 'packs read' };

async function checkOne(opened: OpenedRepository, options: CheckOptions, context: CliContext): Promise<boolean> {
  const { output, signal, streams, clock } = context;
  const line = context.interactive ? createProgressLine(streams.stderr, clock) : noProgressLine;
  const { readData = false, readDataSubset } = options;
  const report = await opened.library
    .checkRepository(opened.repository, {
      readData: readDataSubset === undefined ? readData : { subset: opened.library.parsePackSubset(readDataSubset) },
      signal,
      onProgress: ({ step, done, total, bytes }) =>
        line.update(`check ${steps[step]}`, { files: done, bytes }, { files: total, bytes: 0 }),
    })
    .finally(() => line.clear());
  const { findings, hints, ...counts } = report;
  output.document({ status: findings.length === 0 ? 'ok' : 'damaged', vault: opened.use.name, ...report });
  for (const { code, message } of findings) output.line(`${message} [${code}]`);
  for (const hint of hints) output.note(hint);
  const read = counts.packsRead > 0 ? `, ${counts.packsRead} of them read (${formatBytes(counts.bytesRead)})` : '';
  const counted = `${counts.snapshots} snapshots, ${counts.trees} trees, ${counts.blobs} blobs in ${counts.packs} packs${read}`;
  const sound = findings.length === 0;
  if (sound) output.done(`${opened.use.name}: ${counted}: no errors were found`);
  else output.line(`${opened.use.name}: ${counted}: ${findings.length} errors were found`);
  return sound;
}

/** Checks whole repositories; vaults of other kinds are verified restore point by restore point. Findings end with 2. */
async function check(options: CheckOptions, context: CliContext): Promise<void> {
  if (options.readData && options.readDataSubset)
    throw cliError('usage', { message: '--read-data and --read-data-subset exclude each other' });
  // What a copy on this machine says proves nothing of the repository.
  const uncached = options.withCache ? context : { ...context, cacheDir: undefined };
  const uses = await chosenVaults(options, context);
  const repositories = uses.filter(({ spec }) => spec.type === 'repository');
  let sound = true;
  for (const use of repositories) {
    checkFolder(use);
    sound = (await openUse(use, uncached, (opened) => checkOne(opened, options, uncached))) && sound;
  }
  if (!sound) context.setExitStatus(exitStatus.runFailed);
  if (repositories.length === uses.length) return;
  if (options.readDataSubset) throw cliError('usage', { message: '--read-data-subset is for repositories' });
  const setExitStatus = (status: number): void => context.setExitStatus(sound ? status : exitStatus.runFailed);
  for (const use of uses.filter((one) => !repositories.includes(one)))
    await verify(
      undefined,
      { ...options, ...(options.from === undefined && { vault: use.name }) },
      { ...uncached, setExitStatus },
    );
}

function defineCheck(command: Command): Command {
  return addFromOptions(command)
    .option('--read-data', 'read, open and decompress every byte, and compare it with its name')
    .option('--read-data-subset <subset>', 'do so with a part of a repository: 10%, 2/5 or 500M')
    .option('--with-cache', 'take what is kept of a repository on this machine, instead of fetching it anew');
}

export const checkCommand: CommandWork = { define: defineCheck, run: check };
