import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { goString, quoteName, unquoteName } from '../../src/vault/repository/format/go-json.ts';
import { makeResticRepository, type ResticRepository } from '../fixtures/restic-repository.ts';

/** Blocks in which Unicode 13 (restic 0.14) and 15 (ours) have the same characters. */
const blocks: readonly (readonly [first: number, last: number])[] = [
  [0x01, 0x61c],
  [0x2000, 0x20bf],
  [0x2190, 0x23ff],
  [0x3000, 0x3096],
  [0xd7b0, 0xd7ff],
  [0xe000, 0xe0ff],
  [0xfdd0, 0xfdef],
  [0xff00, 0xffff],
  [0x1f300, 0x1f64f],
  [0xe0000, 0xe01ef],
  [0x10fff0, 0x10ffff],
];

function* codePoints(): Generator<number> {
  for (const [first, last] of blocks)
    for (let codePoint = first; codePoint <= last; codePoint += 1) if (codePoint !== 0x2f) yield codePoint;
}

/** Every character of the blocks, and bytes that are no UTF-8 in all the ways there are. */
function oddNames(): Buffer[] {
  const names: Buffer[] = [];
  let name = '';
  for (const codePoint of codePoints()) {
    name += String.fromCodePoint(codePoint);
    if (name.length >= 60) {
      names.push(Buffer.from(name));
      name = '';
    }
  }
  for (let byte = 0x80; byte <= 0xff; byte += 1)
    names.push(Buffer.from([byte]), Buffer.from([byte, 0x80]), Buffer.from([byte, 0x9f, 0xbf, 0x41]));
  names.push(
    Buffer.from([0xf4, 0x8f, 0xbf, 0xbf]),
    Buffer.from([0xf4, 0x90, 0x80, 0x80]),
    Buffer.from([0xe0, 0x9f, 0xbf]),
  );
  return names;
}

const hex = (list: readonly Buffer[]): string[] => list.map((name) => name.toString('hex')).sort();

/** restic 0.14 has these in a longer form; restic 0.17 and newer as we do. */
const isShorterToday = (text: string): boolean => text === '\b' || text === '\f';

interface ResticNode {
  readonly name: string;
  readonly linktarget?: string;
}

describe("names as Debian's restic writes them", () => {
  let dir: string;
  let repository: ResticRepository;
  let json: string;
  let nodes: readonly ResticNode[];
  const names = oddNames();
  const targets = Array.from(codePoints(), (codePoint) => String.fromCodePoint(codePoint));

  before(() => {
    dir = mkdtempSync(join(tmpdir(), 'holdfast-restic-names-'));
    for (const name of names) writeFileSync(Buffer.concat([Buffer.from(`${dir}/`), name]), '');
    targets.forEach((target, index) => symlinkSync(target, join(dir, `link-${index}`)));
    repository = makeResticRepository();
    repository.run('backup', dir);
    let tree = (JSON.parse(repository.run('snapshots', '--json').toString()) as [{ tree: string }])[0].tree;
    for (const segment of dir.split('/').slice(1)) {
      const above = JSON.parse(repository.run('cat', 'blob', tree).toString()) as {
        nodes: { name: string; subtree: string }[];
      };
      tree = above.nodes.find(({ name }) => name === segment)?.subtree as string;
    }
    json = repository.run('cat', 'blob', tree).toString();
    ({ nodes } = JSON.parse(json) as { nodes: ResticNode[] });
  });
  after(() => {
    rmSync(dir, { recursive: true, force: true });
    repository.remove();
  });

  test('are what quoteName makes of them, character for character', () => {
    const quoted = new Set(nodes.map(({ name }) => name));
    assert.equal(nodes.length, names.length + targets.length);
    for (const name of names) {
      assert.ok(quoted.has(quoteName(name)), quoteName(name));
      assert.ok(json.includes(`{"name":${goString(quoteName(name))},"type":"file"`), quoteName(name));
    }
  });

  test('are the bytes again when unquoteName reads them', () => {
    const found = nodes.filter(({ linktarget }) => linktarget === undefined).map(({ name }) => unquoteName(name));
    assert.deepEqual(hex(found), hex(names));
  });

  test('and the targets of links are in the JSON that goString writes', () => {
    for (const target of targets)
      assert.equal(json.includes(`"linktarget":${goString(target)},`), !isShorterToday(target), goString(target));
  });
});
