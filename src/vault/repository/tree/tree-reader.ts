import { MiB } from '../../../base/bytes.ts';
import { messageOf } from '../../../base/errors.ts';
import { vaultError } from '../../errors.ts';
import { quoteName } from '../format/go-json.ts';
import { decodeTree, type TreeNode } from '../format/tree-node.ts';
import { fileKey } from '../layout.ts';
import { missingBlob } from '../missing-blob.ts';
import type { Repository } from '../repository.ts';
import { readRange } from '../reading/read-range.ts';
import { BlobOpener } from '../threads/blob-opener.ts';

/** Trees lie side by side in their packs: they are read in blocks of this size, of which the last ones used are kept. */
const blockBytes = MiB;
const mostBlocks = 8;

/** Reads trees, as a walk needs them: neighbours in one go. */
export class TreeReader {
  private readonly repository: Repository;
  private readonly signal: AbortSignal;
  private readonly opener: BlobOpener;
  /** The least recently used first. */
  private readonly blocks = new Map<string, Promise<Uint8Array>>();
  private readonly ends = new Map<number, number>();

  constructor(repository: Repository, signal: AbortSignal) {
    this.repository = repository;
    this.signal = signal;
    this.opener = new BlobOpener(repository.key);
  }

  /** The nodes of a tree, ascending by name. vault/missing-object, vault/truncated, vault/corrupt. */
  load(id: string): Promise<readonly TreeNode[]> {
    return this.loadAs(id, (bytes) => sorted(decodeTree(bytes)));
  }

  /** What `decode` makes of the JSON of a tree. Throws as `load` does, and what `decode` throws as vault/corrupt. */
  async loadAs<Result>(id: string, decode: (json: Uint8Array) => Result): Promise<Result> {
    const { index } = this.repository;
    const name = Buffer.from(id, 'hex');
    const entry = index.find('tree', name);
    if (entry < 0) throw missingBlob('tree', id);
    const { packId, offset, length, compressed } = index.place(entry);
    const sealed = await this.read(index.packOf(entry), offset, length);
    try {
      return decode(this.opener.open(sealed, name, compressed));
    } catch (error) {
      throw damaged(id, packId, error);
    }
  }

  private async read(pack: number, offset: number, length: number): Promise<Uint8Array> {
    const number = Math.floor(offset / blockBytes);
    const begin = offset - number * blockBytes;
    const block = begin + length <= blockBytes ? await this.block(pack, number).catch(() => undefined) : undefined;
    this.signal.throwIfAborted();
    return block?.subarray(begin, begin + length) ?? this.readExactly(pack, offset, length);
  }

  private block(pack: number, number: number): Promise<Uint8Array> {
    const key = `${pack} ${number}`;
    const offset = number * blockBytes;
    const block =
      this.blocks.get(key) ?? this.readExactly(pack, offset, Math.min(blockBytes, this.endOf(pack) - offset));
    this.blocks.delete(key);
    this.blocks.set(key, block);
    const [oldest] = this.blocks.keys();
    if (this.blocks.size > mostBlocks && oldest !== undefined) this.blocks.delete(oldest);
    return block;
  }

  /** Where the last blob of a pack ends. */
  private endOf(pack: number): number {
    const { index } = this.repository;
    let end = this.ends.get(pack) ?? 0;
    if (end > 0) return end;
    const { from, to } = index.entriesOf(pack);
    for (let entry = from; entry < to; entry += 1) {
      const { offset, length } = index.place(entry);
      end = Math.max(end, offset + length);
    }
    this.ends.set(pack, end);
    return end;
  }

  private async readExactly(pack: number, offset: number, length: number): Promise<Uint8Array> {
    const { treeStore, index } = this.repository;
    const memory = Buffer.allocUnsafeSlow(length);
    await readRange(treeStore, { packId: index.packId(pack), offset, length }, { memory, signal: this.signal });
    return memory;
  }
}

/** Not every program sorts; and no directory has a name twice. */
function sorted(nodes: readonly TreeNode[]): readonly TreeNode[] {
  const ascends = nodes.every(({ name }, at) => at === 0 || Buffer.compare((nodes[at - 1] as TreeNode).name, name) < 0);
  if (ascends) return nodes;
  const ordered = nodes.toSorted((a, b) => Buffer.compare(a.name, b.name));
  const twice = ordered.find(({ name }, at) => ordered[at - 1]?.name.equals(name));
  if (twice) throw new RangeError(`it has the name "${quoteName(twice.name)}" twice`);
  return ordered;
}

const damaged = (id: string, packId: string, cause: unknown): Error =>
  vaultError('corrupt', {
    message: `The tree blob ${id} in the pack "${fileKey('data', packId)}" is damaged: ${messageOf(cause)}`,
    hint: 'Put the pack back from a copy; else "holdfast repair snapshots" makes restore points without it.',
    context: { id, pack: packId },
    cause,
  });
