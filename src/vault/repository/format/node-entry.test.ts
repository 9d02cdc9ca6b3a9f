import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { SourceEntry } from '../../../source/index.ts';
import { sampleTree } from '../../testing/sample-entries.ts';
import { fromGoMode, toGoMode } from './go-mode.ts';
import { encodeEntryNode, entryOfNode, nodeOfEntry, type NodeFacts } from './node-entry.ts';
import { decodeTree, encodeNode, encodeTree } from './tree-node.ts';

const id = 'c3'.repeat(32);
const factsOf = ({ type }: SourceEntry): NodeFacts => {
  if (type === 'file') return { content: [id] };
  return type === 'directory' ? { subtree: id } : {};
};

/** What a node tells of an entry: not its place, its content, or how sparse it is. */
function told(entry: SourceEntry): unknown {
  const elsewhere = new Set(['open', 'hardLinkTo', 'dataRuns']);
  return Object.fromEntries(Object.entries(entry).filter(([key]) => !elsewhere.has(key)));
}

describe('nodes and entries', () => {
  // The root has no name in a tree.
  const sample = sampleTree().filter(({ path }) => path.length > 0);
  const entries = [...sample, { ...sample[0]!, atimeNs: 1_600_000_000_000_000_001n }];

  it('tell the same of every kind of entry, through the bytes of a tree', () => {
    for (const entry of entries) {
      const bytes = encodeTree([encodeNode(nodeOfEntry(entry, factsOf(entry)))]);
      const [node] = decodeTree(bytes);
      assert.ok(node);
      const { ctimeNs = entry.mtimeNs } = entry;
      assert.deepEqual(told(entryOfNode(node, entry.path) as SourceEntry), told({ ...entry, ctimeNs }));
    }
  });

  it('come to the same JSON on the short way', () => {
    for (const entry of [...entries, { ...entries[0]!, links: 3, inode: 5n, deviceId: 2n ** 63n, ctimeNs: -5n }]) {
      const facts = factsOf(entry);
      assert.equal(encodeEntryNode(entry, facts), encodeNode(nodeOfEntry(entry, facts)));
    }
  });

  it('name a node by the last segment of its path, or as they are told', () => {
    const [entry] = entries;
    assert.ok(entry);
    const named = { ...entry, path: Buffer.from('a/b/c') };
    assert.deepEqual(nodeOfEntry(named, {}).name, Buffer.from('c'));
    assert.deepEqual(nodeOfEntry(named, { name: Buffer.from('d') }).name, Buffer.from('d'));
  });

  it('leave out what can not be restored', () => {
    const [entry] = entries;
    assert.ok(entry);
    const node = nodeOfEntry(entry, {});
    for (const type of ['socket', 'irregular', ''])
      assert.equal(entryOfNode({ ...node, type }, Buffer.from('x')), undefined);
  });

  it('translate every mode there is', () => {
    assert.equal(toGoMode('directory', 0o1777), 2 ** 31 + 2 ** 20 + 0o777);
    assert.equal(toGoMode('file', 0o6755), 2 ** 23 + 2 ** 22 + 0o755);
    assert.equal(toGoMode('chardev', 0o600), 2 ** 26 + 2 ** 21 + 0o600);
    for (const type of ['file', 'directory', 'symlink', 'fifo', 'chardev', 'blockdev'] as const)
      for (let mode = 0; mode <= 0o7777; mode += 1) assert.equal(fromGoMode(toGoMode(type, mode)), mode);
  });
});
