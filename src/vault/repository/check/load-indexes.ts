import { hash } from 'node:crypto';
import { mapOrdered } from '../../../base/concurrency.ts';
import { vaultError } from '../../errors.ts';
import { parseKeyFile } from '../crypto/key-file.ts';
import { open } from '../crypto/sealing-key.ts';
import { decodeConfig } from '../format/config-file.ts';
import { decodeIndex, type IndexedPack } from '../format/index-file.ts';
import { configKey, fileKey } from '../layout.ts';
import { sizeOf } from '../reading/pack-headers.ts';
import { readObject, Repository } from '../repository.ts';
import type { Findings } from './findings.ts';

/** How many index files are read at once. */
const readAtOnce = 4;

/** A pack as the index has it. */
export interface KnownPack {
  readonly id: string;
  /** In the index. */
  readonly number: number;
  readonly sizeBytes: number;
}

/** A repository whose index was read anew, as far as it can be read. */
export interface CheckedIndex {
  readonly repository: Repository;
  readonly packs: ReadonlyMap<string, KnownPack>;
  readonly indexFiles: number;
}

function checkGaps({ id, blobs }: IndexedPack): void {
  let end = 0;
  for (const { offset, length } of blobs.toSorted((a, b) => a.offset - b.offset)) {
    if (offset !== end)
      throw vaultError('corrupt', {
        message: `The index leaves a gap or an overlap at ${end} in the pack "${fileKey('data', id)}".`,
        hint: 'Run "holdfast repair index".',
      });
    end = offset + length;
  }
}

/** Reads all index files again, whatever was read before, and tells of those that can't be read. */
export async function loadIndexes(known: Repository, findings: Findings, signal: AbortSignal): Promise<CheckedIndex> {
  const repository = new Repository(known);
  const packs = new Map<string, KnownPack>();
  let indexFiles = 0;
  const read = async ({ id }: { readonly id: string }): Promise<readonly IndexedPack[]> => {
    indexFiles += 1;
    try {
      return decodeIndex(await known.loadFile('index', id, signal)).packs;
    } catch (error) {
      findings.tell(unreadable(id, error), signal);
      return [];
    }
  };
  for await (const indexed of mapOrdered(known.list('index', signal), readAtOnce, read))
    for (const pack of indexed) {
      const number = repository.index.addPack(pack.id, pack.blobs);
      if (!packs.has(pack.id)) packs.set(pack.id, { id: pack.id, number, sizeBytes: sizeOf(pack.blobs) });
      await findings.during(signal, async () => checkGaps(pack));
    }
  return { repository, packs, indexFiles };
}

const unreadable = (id: string, cause: unknown): unknown =>
  cause instanceof Error && 'code' in cause && String(cause.code).startsWith('vault/')
    ? vaultError('corrupt', {
        message: `The index "${fileKey('index', id)}" can not be read: ${cause.message}`,
        hint: 'Run "holdfast repair index": it makes the index again from the packs.',
        cause,
      })
    : cause;

/** Looks whether the repository could still be opened: its config, and all of its keys. */
export async function checkOpening(
  { store, key, config }: Repository,
  keyIds: readonly string[],
  { findings, signal }: { readonly findings: Findings; readonly signal: AbortSignal },
): Promise<void> {
  const check = (name: string, isSound: (bytes: Buffer) => boolean): Promise<void> =>
    findings.during(signal, async () => {
      const bytes = await readObject(store, name, signal);
      if (!holds(() => isSound(bytes))) throw unopenable(name);
    });
  await check(configKey, (bytes) => decodeConfig(open(key, bytes)).id === config.id);
  for (const id of keyIds)
    await check(
      fileKey('keys', id),
      (bytes) => hash('sha256', bytes, 'hex') === id && parseKeyFile(bytes).kdf === 'scrypt',
    );
}

/** False also when it throws. */
function holds(test: () => boolean): boolean {
  try {
    return test();
  } catch {
    return false;
  }
}

const unopenable = (key: string): Error =>
  vaultError('corrupt', {
    message: `"${key}" is damaged: it is not what was written there.`,
    hint: 'Put it back from a copy; without config and a key nothing can be read. Another key of the repository serves as well.',
    context: { key },
  });
