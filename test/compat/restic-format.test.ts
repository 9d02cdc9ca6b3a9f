import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { silentLogger } from '../../src/base/log.ts';
import { openDirectorySource } from '../../src/source/directory/index.ts';
import type { SourceEntry } from '../../src/source/index.ts';
import { decodeConfig, encodeConfig } from '../../src/vault/repository/format/config-file.ts';
import { decodeIndex, type IndexedPack } from '../../src/vault/repository/format/index-file.ts';
import { encodeEntryNode, nodeOfEntry } from '../../src/vault/repository/format/node-entry.ts';
import { decodePackHeader, encodePackHeader, packHeaderBytes } from '../../src/vault/repository/format/pack-header.ts';
import { decodeSnapshot, encodeSnapshot } from '../../src/vault/repository/format/snapshot-file.ts';
import { decodeTree, encodeNode, encodeTree, type TreeNode } from '../../src/vault/repository/format/tree-node.ts';
import { decodeUnpacked } from '../../src/vault/repository/format/unpacked.ts';
import { decompressBlob } from '../../src/vault/repository/format/zstd.ts';
import { makeOddTree } from '../fixtures/odd-tree.ts';
import { makeResticRepository, type ResticRepository } from '../fixtures/restic-repository.ts';

interface FoundTree {
  /** Relative to the odd tree. */
  readonly path: Buffer;
  readonly bytes: Buffer;
  readonly nodes: readonly TreeNode[];
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const pathBelow = (path: Buffer, name: Buffer): Buffer =>
  path.length === 0 ? name : Buffer.concat([path, Buffer.from('/'), name]);

/** All blobs of a repository, read through our codecs. */
function readPacks(repository: ResticRepository): { packs: IndexedPack[]; blob: (id: string) => Buffer } {
  const packs = repository
    .names('index')
    .flatMap((name) => decodeIndex(decodeUnpacked(repository.open('index', name))).packs);
  const places = new Map(packs.flatMap(({ id, blobs }) => blobs.map((blob) => [blob.id, { pack: id, ...blob }])));
  const blob = (id: string): Buffer => {
    const place = places.get(id);
    assert.ok(place, `blob ${id} is in no index`);
    const bytes = repository.open('data', place.pack, [place.offset, place.offset + place.length]);
    const content = place.rawLength === undefined ? bytes : decompressBlob(bytes, place.rawLength);
    assert.equal(sha256(content), id);
    return content;
  };
  return { packs, blob };
}

/**
 * What restic 0.14 does not do as later ones do: it stores no attributes of symlinks, and loses the
 * bytes of a target that are no UTF-8.
 */
function asOldRestic(node: TreeNode, theirs: TreeNode): TreeNode {
  const { extendedAttributes, linkTarget, ...rest } = node;
  const lost = theirs.linkTargetLost;
  return {
    ...rest,
    ...(linkTarget && { linkTarget: lost ? (theirs.linkTarget as Buffer) : linkTarget }),
    ...(lost && { linkTargetLost: lost }),
    ...(extendedAttributes && node.type !== 'symlink' && { extendedAttributes }),
  };
}

for (const version of [1, 2] as const)
  describe(`a repository of format ${version} that Debian's restic made of the odd tree`, () => {
    let dir: string;
    let repository: ResticRepository;
    let stored: ReturnType<typeof readPacks>;
    const trees: FoundTree[] = [];
    const entries = new Map<string, SourceEntry>();

    function findTrees(id: string, path: Buffer): void {
      const bytes = stored.blob(id);
      const nodes = decodeTree(bytes);
      trees.push({ path, bytes, nodes });
      for (const node of nodes) if (node.subtree !== undefined) findTrees(node.subtree, pathBelow(path, node.name));
    }

    before(async () => {
      dir = mkdtempSync(join(tmpdir(), 'holdfast-restic-format-'));
      const odd = join(dir, 'odd');
      await makeOddTree(odd);
      repository = makeResticRepository('--repository-version', String(version));
      repository.run('backup', '--tag', 'a,b', '--host', 'box', '--exclude', '*.none', odd);
      stored = readPacks(repository);
      const [name] = repository.names('snapshots');
      let { tree } = decodeSnapshot(decodeUnpacked(repository.open('snapshots', name as string)));
      for (const segment of odd.split('/').slice(1)) {
        const node = decodeTree(stored.blob(tree)).find((candidate) => candidate.name.toString() === segment);
        tree = node?.subtree as string;
      }
      findTrees(tree, Buffer.alloc(0));
      const source = await openDirectorySource({ type: 'directory', path: odd });
      const signal = new AbortController().signal;
      const reading = source.read({ signal, logger: silentLogger, onProblem: () => {} });
      for await (const entry of reading.entries) entries.set(entry.path.toString('latin1'), entry);
    });
    after(() => {
      rmSync(dir, { recursive: true, force: true });
      repository.remove();
    });

    test('has trees that come out the same, byte for byte, when they are decoded and encoded again', () => {
      assert.ok(trees.length > 20);
      for (const { bytes, nodes } of trees)
        assert.equal(encodeTree(nodes.map(encodeNode)).toString(), bytes.toString());
    });

    test('has trees that are what we write of the same directory', () => {
      const different: string[] = [];
      for (const { path, bytes, nodes } of trees) {
        const ours = nodes.map((theirs) => {
          const entry = entries.get(pathBelow(path, theirs.name).toString('latin1'));
          assert.ok(entry);
          const { content, subtree } = theirs;
          const facts = { ...(content && { content }), ...(subtree !== undefined && { subtree }) };
          const node = nodeOfEntry(entry, facts);
          assert.equal(encodeEntryNode(entry, facts), encodeNode(node));
          if (encodeNode(node) !== encodeNode(theirs)) different.push(entry.path.toString('latin1'));
          return encodeNode(asOldRestic(node, theirs));
        });
        assert.equal(encodeTree(ours).toString(), bytes.toString());
      }
      assert.deepEqual(different.sort(), ['links/bytes', 'xattr/symlink']);
    });

    test('has packs whose headers say what the index says, in the same bytes', () => {
      assert.ok(stored.packs.length >= 2);
      assert.deepEqual(stored.packs.map(({ id }) => id).sort(), repository.names('data'));
      for (const { id, blobs } of stored.packs) {
        const { size } = statSync(join(repository.folder, 'data', id.slice(0, 2), id));
        assert.equal(size, packHeaderBytes(blobs) + blobs.reduce((sum, { length }) => sum + length, 0));
        const header = repository.open('data', id, [size - packHeaderBytes(blobs), size - 4]);
        assert.deepEqual(decodePackHeader(header), blobs);
        assert.deepEqual(encodePackHeader(blobs), header);
        assert.equal(
          blobs.some(({ rawLength }) => rawLength !== undefined),
          version === 2,
        );
      }
    });

    test('has every blob that its trees name', () => {
      const { blob } = stored;
      for (const { path, nodes } of trees)
        for (const node of nodes) {
          const content = node.content?.map(blob);
          const size = node.size ?? 0;
          if (content === undefined) continue;
          assert.equal(
            content.reduce((sum, { length }) => sum + length, 0),
            size,
          );
          if (size > 2 ** 20) continue;
          const file = Buffer.concat([Buffer.from(`${dir}/odd/`), pathBelow(path, node.name)]);
          assert.deepEqual(Buffer.concat(content), readFileSync(file));
        }
    });

    test('has a snapshot and a config whose bytes are ours', () => {
      const [name] = repository.names('snapshots');
      const json = decodeUnpacked(repository.open('snapshots', name as string));
      const snapshot = decodeSnapshot(json);
      assert.equal(encodeSnapshot(snapshot), json.toString());
      assert.deepEqual(snapshot.tags, ['a', 'b']);
      assert.equal(snapshot.hostname, 'box');
      const config = repository.open('config', 'config');
      assert.equal(encodeConfig(decodeConfig(config)), config.toString());
      assert.equal(decodeConfig(config).version, version);
    });
  });
