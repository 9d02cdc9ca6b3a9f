import { type Soon, whenThere } from '../../../base/concurrency.ts';
import type { FileInPlace, FileState, Need, SourceEntry } from '../../../source/index.ts';
import { vaultError } from '../../errors.ts';
import type { RestorePointWriter } from '../../vault.ts';
import { quoteName } from '../format/go-json.ts';
import { encodeEntryNode } from '../format/node-entry.ts';
import { encodeNode, encodeTree } from '../format/tree-node.ts';
import type { BlobSaver } from './blob-saver.ts';
import type { SavedContent } from './file-content.ts';
import { Folder } from './folder.ts';
import type { KnownNode, PreviousTree } from './previous-tree.ts';

/** What became of the items, compared with the restore point before, in restic's terms. */
export interface ItemCounts {
  new: number;
  changed: number;
  unmodified: number;
}

export interface TreeSaverOptions {
  readonly blobs: BlobSaver;
  /** The folders between "/" and the root of the entries, from the uppermost down. */
  readonly above: readonly SourceEntry[];
  /** The name of the root of the entries; undefined where that is "/" itself. */
  readonly rootName: Buffer | undefined;
  /** What was saved of the same source before. */
  readonly previous: PreviousTree | undefined;
  /** What the repository has and can't give back: the packs, by the ids of trees. It is not stored again. */
  readonly damagedTrees: ReadonlyMap<string, string>;
  readonly signal: AbortSignal;
}

/** What the second and later names of one file need of the first. */
interface LinkedFile {
  readonly first: SourceEntry;
  content: SavedContent | undefined;
  readonly waiting: ((content: SavedContent) => void)[];
}

type FileChange = 'changed' | 'new';

/** Where the node of a file belongs that a thread is to read. */
interface NodeToFill {
  /** The node, but for the name of the file's only blob. */
  readonly text: string;
  readonly folder: Folder;
  readonly slot: number;
  readonly state: FileChange;
}

const fileNode = (entry: SourceEntry, { ids, sizeBytes }: SavedContent): string =>
  encodeEntryNode(entry, { content: ids, size: sizeBytes });

/** What follows the name of the only blob in the node of a file. */
const afterOnlyBlob = '"]}';

/** That node before the name is known: all else of the entry need not be kept until then. */
const textBeforeBlob = (entry: SourceEntry): string =>
  encodeEntryNode(entry, { content: [''] }).slice(0, -afterOnlyBlob.length);

const separator = 0x2f;
const nameOf = (path: Buffer): Buffer => path.subarray(path.lastIndexOf(separator) + 1);
const parentOf = (path: Buffer): Buffer => path.subarray(0, Math.max(0, path.lastIndexOf(separator)));

/**
 * Makes trees of entries that come in the source's order. Contents and trees are saved in the background; the id of the
 * uppermost tree is known when all are named.
 */
export class TreeSaver implements RestorePointWriter {
  /** Bytes of content, those of a file with several names counted once. */
  sizeBytes = 0;
  readonly files: ItemCounts = { new: 0, changed: 0, unmodified: 0 };
  readonly folders: ItemCounts = { new: 0, changed: 0, unmodified: 0 };
  /** Folders whose trees the repository has, so that they are not stored again, and damaged: the paths, and the packs. */
  readonly damaged: { readonly path: Buffer; readonly packId: string }[] = [];
  private readonly options: TreeSaverOptions;
  private readonly rootTree = Promise.withResolvers<string>();
  private readonly open: Folder[] = [];
  private readonly linked = new Map<string, LinkedFile>();
  /** How to read what was not as it had been. */
  private readonly odd: (() => Promise<void>)[] = [];

  constructor(options: TreeSaverOptions) {
    this.options = options;
    const { above, rootName } = options;
    const atRoot = (depth: number): Buffer | undefined =>
      rootName === undefined && depth === above.length ? Buffer.alloc(0) : undefined;
    this.open.push(new Folder(atRoot(0), (folder) => this.rootTree.resolve(this.treeOf(folder))));
    for (const [index, entry] of above.entries()) this.enter(entry, nameOf(entry.path), atRoot(index + 1));
  }

  /** Nothing of what is as in the restore point before; of the rest, the threads read what is small. */
  readonly needs = (file: FileState): Soon<Need> => this.options.previous?.needOf(file) ?? 'in-place';

  add(entry: SourceEntry): Soon<void> {
    const fail = (error: unknown): never => {
      this.options.blobs.fail(error);
      throw error;
    };
    try {
      const taken = this.odd.length > 0 ? this.takeOddBefore(entry) : this.takeWhenReady(entry);
      return taken instanceof Promise ? taken.catch(fail) : taken;
    } catch (error) {
      return fail(error);
    }
  }

  /** The id of the uppermost tree, once all packs are full or under way. To be called once, after the last entry. */
  async finish(): Promise<string> {
    do {
      await this.options.blobs.flush();
      await this.takeOdd();
    } while (this.odd.length > 0);
    for (const folder of this.open.splice(0).reverse()) folder.close();
    await this.options.blobs.flush();
    return this.rootTree.promise;
  }

  private takeWhenReady(entry: SourceEntry): Soon<void> {
    return whenThere(this.options.blobs.ready(), () => this.take(entry));
  }

  private async takeOddBefore(entry: SourceEntry): Promise<void> {
    await this.takeOdd();
    await this.takeWhenReady(entry);
  }

  /** Reads the files that had changed when a thread wanted to read them. */
  private async takeOdd(): Promise<void> {
    for (const read of this.odd.splice(0)) await read();
  }

  private take(entry: SourceEntry): Soon<void> {
    const { path, type, hardLinkTo } = entry;
    if (path.length === 0) {
      if (this.options.rootName) this.enter(entry, this.options.rootName, path);
      return;
    }
    const folder = this.leaveUntil(path);
    if (entry.unread === true)
      return whenThere(
        this.options.previous?.findKnown(path),
        (known) => known && folder.keep(known.node, known.directory),
      );
    if (entry.asBefore === true)
      return whenThere(this.options.previous?.findKnown(path), (known) => this.keepFile(folder, entry, known));
    if (type === 'directory')
      return whenThere(this.options.previous?.enter(path), () => this.enter(entry, nameOf(path), path));
    if (hardLinkTo) return this.addLink(folder, entry, hardLinkTo);
    return type === 'file' ? this.addFile(folder, entry) : this.addOther(folder, entry);
  }

  /** The folder of `path`; those that it is not in have got all of their names. */
  private leaveUntil(path: Buffer): Folder {
    const parent = parentOf(path);
    for (let folder = this.open.at(-1); folder?.path; folder = this.open.at(-1)) {
      if (folder.path.equals(parent)) return folder;
      folder.close();
      this.open.pop();
    }
    throw badOrder(path, 'its folder, and before what follows that');
  }

  private enter(entry: SourceEntry, name: Buffer, path: Buffer | undefined): void {
    const { previous } = this.options;
    const parent = this.open.at(-1) as Folder;
    const slot = parent.slot();
    const onKnown = (folder: Folder): void => {
      const subtree = this.treeOf(folder);
      const before = path && previous?.leave(path);
      if (path) this.folders[stateOf(before, subtree)] += 1;
      const node = encodeEntryNode(entry, { name, subtree });
      if (before && before.node.subtree === subtree && encodeNode(before.node) === node)
        parent.fillKept(slot, before.node, before.directory);
      else parent.fill(slot, node);
    };
    this.open.push(new Folder(path, onKnown));
  }

  private treeOf(folder: Folder): string {
    if (folder.keptTree !== undefined) return folder.keptTree;
    const id = this.options.blobs.saveTree(encodeTree(folder.texts()));
    const packId = this.options.damagedTrees.get(id);
    if (packId !== undefined) this.damaged.push({ path: folder.path ?? Buffer.alloc(0), packId });
    return id;
  }

  /** A file of which nothing was needed: its node is the one before. */
  private keepFile(folder: Folder, entry: SourceEntry, known: KnownNode | undefined): void {
    if (!known?.node.content) throw notKnown(entry.path);
    const sizeBytes = entry.sizeBytes ?? 0;
    this.files.unmodified += 1;
    if (!entry.hardLinkTo) {
      this.sizeBytes += sizeBytes;
      this.announce(entry)({ ids: known.node.content, sizeBytes });
    }
    folder.keep(known.node, known.directory);
  }

  private addOther(folder: Folder, entry: SourceEntry): void {
    this.announce(entry)({ ids: [], sizeBytes: 0 });
    folder.add(encodeEntryNode(entry, {}));
  }

  private addFile(folder: Folder, entry: SourceEntry): Soon<void> {
    const { previous } = this.options;
    const slot = folder.slot();
    const { inPlace } = entry;
    if (inPlace)
      return whenThere(previous?.has(entry.path), (known) =>
        this.saveInPlace(inPlace, { text: textBeforeBlob(entry), folder, slot, state: known ? 'changed' : 'new' }),
      );
    const settle = this.announce(entry);
    const onSaved = (content: SavedContent): void => {
      settle(content);
      folder.fill(slot, fileNode(entry, content));
    };
    return whenThere(previous?.unchangedContent(entry), (ids) => {
      if (!ids) {
        return whenThere(previous?.has(entry.path), (known) =>
          this.saveFile(entry, known ? 'changed' : 'new', onSaved),
        );
      }
      this.files.unmodified += 1;
      this.sizeBytes += entry.sizeBytes ?? 0;
      onSaved({ ids, sizeBytes: entry.sizeBytes ?? 0 });
    });
  }

  /** Lets a thread read a file. One that has changed by then is read anew before the next entry is taken. */
  private saveInPlace(file: FileInPlace, { text, folder, slot, state }: NodeToFill): Soon<void> {
    const onDone = ({ ids: [id = ''], sizeBytes }: SavedContent): void => {
      this.files[state] += 1;
      this.sizeBytes += sizeBytes;
      folder.fill(slot, text + id + afterOnlyBlob);
    };
    const readAgain = async (): Promise<void> => {
      let gone = true;
      await file.again(async (found) => {
        gone = false;
        await this.saveFile(found, state, (content) => folder.fill(slot, fileNode(found, content)));
      });
      if (gone) folder.fill(slot, '');
    };
    return this.options.blobs.saveFile({ file, onOdd: () => this.odd.push(readAgain) }, onDone);
  }

  private saveFile(entry: SourceEntry, state: FileChange, onSaved: (content: SavedContent) => void): Soon<void> {
    const { blobs, signal } = this.options;
    this.files[state] += 1;
    const settle = (sizeBytes: number): void => {
      if (entry.sizeBytes !== undefined && sizeBytes !== entry.sizeBytes) throw wrongSize(entry, sizeBytes);
      this.sizeBytes += sizeBytes;
    };
    const { content } = entry;
    if (!content) return blobs.saveContent(entry.open?.(signal) ?? nothing(), entry.sizeBytes, onSaved).then(settle);
    settle(content.length);
    return blobs.saveSmall(content, onSaved);
  }

  private addLink(folder: Folder, entry: SourceEntry, firstPath: Buffer): void {
    const linked = this.linked.get(firstPath.toString('latin1'));
    if (!linked) throw badOrder(entry.path, `"${quoteName(firstPath)}", of which it is another name`);
    const slot = folder.slot();
    const { linkTarget } = linked.first;
    const onSaved = ({ ids, sizeBytes }: SavedContent): void => {
      const whole = linkTarget ? { ...entry, linkTarget } : entry;
      folder.fill(slot, encodeEntryNode(whole, entry.type === 'file' ? { content: ids, size: sizeBytes } : {}));
    };
    if (entry.type === 'file') this.files.new += 1;
    if (linked.content) onSaved(linked.content);
    else linked.waiting.push(onSaved);
  }

  /** Remembers a file that has further names. Call what is returned when its content is known. */
  private announce(first: SourceEntry): (content: SavedContent) => void {
    if ((first.links ?? 1) < 2) return () => {};
    const linked: LinkedFile = { first, content: undefined, waiting: [] };
    this.linked.set(first.path.toString('latin1'), linked);
    return (content) => {
      linked.content = content;
      for (const onSaved of linked.waiting.splice(0)) onSaved(content);
    };
  }
}

function stateOf(before: KnownNode | undefined, subtree: string): keyof ItemCounts {
  if (before === undefined) return 'new';
  return before.node.subtree === subtree ? 'unmodified' : 'changed';
}

async function* nothing(): AsyncGenerator<Uint8Array> {}

const badOrder = (path: Buffer, before: string): Error =>
  vaultError('bad-order', {
    message: `"${quoteName(path)}" did not come where it belongs: after ${before}.`,
    hint: 'This is a mistake of the program: please report it.',
  });

const notKnown = (path: Buffer): Error =>
  vaultError('bad-order', {
    message: `Of "${quoteName(path)}" nothing was read, but the snapshot before does not have it.`,
    hint: 'This is a mistake of the program: please report it.',
  });

const wrongSize = ({ path, sizeBytes }: SourceEntry, size: number): Error =>
  vaultError('wrong-size', {
    message: `"${quoteName(path)}" gave ${size} bytes where ${sizeBytes} had been announced.`,
    hint: 'This is a mistake of the program: please report it.',
  });
