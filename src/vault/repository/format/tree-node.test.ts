import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { decodeTree, encodeNode, encodeTree, type TreeNode } from './tree-node.ts';

const idA = 'a1'.repeat(32);
const idB = '0b'.repeat(32);

const times = '"mtime":"2023-11-14T22:13:20Z","atime":"2023-11-14T22:13:20Z","ctime":"2023-11-14T22:13:20.5Z"';
const tree = (...nodes: string[]): Buffer => Buffer.from(`{"nodes":[${nodes.join(',')}]}\n`);
const withName = (name: string): Buffer =>
  tree(`{"name":${JSON.stringify(name)},"type":"file",${times},"uid":0,"gid":0,"content":[]}`);

/** As restic of some version wrote them. */
const frozen: Readonly<Record<string, string>> = {
  file: `{"name":"a.txt","type":"file","mode":420,${times},"uid":1000,"gid":100,"user":"kim","group":"users","inode":2213202,"device_id":65024,"size":7,"links":1,"content":["${idA}","${idB}"]}`,
  'empty file': `{"name":"a \\u003c b","type":"file","mode":420,${times},"uid":0,"gid":0,"content":[]}`,
  directory: `{"name":"dir-\\\\xff","type":"dir","mode":2147484141,${times},"uid":0,"gid":0,"content":null,"subtree":"${idA}"}`,
  symlink: `{"name":"l","type":"symlink","mode":134218239,${times},"uid":0,"gid":0,"links":1,"linktarget":"é-ünï","content":null}`,
  'symlink to bytes': `{"name":"l","type":"symlink","mode":134218239,${times},"uid":0,"gid":0,"links":1,"linktarget":"\\ufffd\\ufffd\\n","linktarget_raw":"6f8K","content":null}`,
  'symlink whose bytes were lost': `{"name":"l","type":"symlink",${times},"uid":0,"gid":0,"linktarget":"\\ufffd\\ufffd\\n","content":null}`,
  device: `{"name":"d","type":"dev","mode":67109280,${times},"uid":0,"gid":0,"links":1,"device":1792,"content":null}`,
  attributes: `{"name":"x","type":"file",${times},"uid":0,"gid":0,"extended_attributes":[{"name":"user.a","value":"AP8="},{"name":"user.b","value":null},{"name":"user.c","value":""}],"content":[]}`,
  'large numbers': `{"name":"n","type":"file",${times},"uid":4294967295,"gid":0,"inode":18446744073709551615,"device_id":9223372036854775809,"content":[]}`,
  Windows: `{"name":"w","type":"file",${times},"uid":0,"gid":0,"generic_attributes":{"windows.creation_time":{"LowDateTime":2391811840,"HighDateTime":31103845},"windows.security_descriptor":"AQ\\u003d"},"content":[]}`,
  'a newer program': `{"name":"n","kind":"\\u00e9 ]}","type":"file",${times},"uid":0,"gid":0,"content":[],"later":[{"a":1.50},"]"],"last":null}`,
  'another zone': `{"name":"z","type":"file","mtime":"2023-11-14T23:13:20+01:00","atime":"2023-11-14T23:13:20+01:00","ctime":"2023-07-14T23:13:20.25+02:00","uid":0,"gid":0,"content":[]}`,
  'a fault': `{"name":"e","type":"","mtime":"0001-01-01T00:00:00Z","atime":"0001-01-01T00:00:00Z","ctime":"0001-01-01T00:00:00Z","uid":0,"gid":0,"content":null,"error":"open \\u0026 read"}`,
};

describe('decodeTree and encodeNode', () => {
  for (const [what, json] of Object.entries(frozen))
    it(`keep every byte of restic's JSON: ${what}`, () => {
      const nodes = decodeTree(tree(json));
      assert.equal(encodeTree(nodes.map(encodeNode)).toString(), tree(json).toString());
    });

  it('keep a tree of all of them', () => {
    const all = tree(...Object.values(frozen));
    assert.deepEqual(encodeTree(decodeTree(all).map(encodeNode)), all);
  });

  it('hold numbers that a double would round', () => {
    const [node] = decodeTree(tree(frozen['large numbers'] as string));
    assert.equal(node?.inode, 18_446_744_073_709_551_615n);
    assert.equal(node?.deviceId, 9_223_372_036_854_775_809n);
  });

  it('tell the target of a link, or that it was lost', () => {
    const [link, lost] = decodeTree(
      tree(frozen['symlink to bytes'] as string, frozen['symlink whose bytes were lost'] as string),
    );
    assert.deepEqual(link?.linkTarget, Buffer.from([0xe9, 0xff, 0x0a]));
    assert.equal(link?.linkTargetLost, undefined);
    assert.equal(lost?.linkTargetLost, true);
  });

  it('are the inverse of each other', () => {
    const uint64 = fc.bigInt({ min: 1n, max: 2n ** 64n - 1n });
    const text = fc.string({ minLength: 1, unit: 'grapheme' });
    const bytes = fc.uint8Array({ minLength: 1 }).map((value) => Buffer.from(value));
    const ns = fc.bigInt({ min: -62_167_219_200_000_000_000n, max: 253_402_300_799_999_999_999n });
    const id = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((value) => Buffer.from(value).toString('hex'));
    const node: fc.Arbitrary<TreeNode> = fc.record(
      {
        name: fc
          .uint8Array({ minLength: 1 })
          .map((value) => Buffer.from(value.map((byte) => (byte === 0 || byte === 0x2f ? 0x5c : byte))))
          .filter((name) => !['.', '..'].includes(name.toString('latin1'))),
        type: fc.constantFrom('file', 'dir', 'symlink', 'fifo', 'socket'),
        mode: fc.nat(),
        mtimeNs: ns,
        atimeNs: ns,
        ctimeNs: ns,
        uid: fc.nat(),
        gid: fc.nat(),
        user: text,
        group: text,
        inode: uint64,
        deviceId: uint64,
        size: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
        links: fc.integer({ min: 1 }),
        linkTarget: bytes,
        extendedAttributes: fc.array(fc.record({ name: text, value: fc.option(bytes) }, { noNullPrototype: true }), {
          minLength: 1,
        }),
        device: uint64,
        content: fc.option(fc.array(id)),
        subtree: id,
        error: text,
      },
      {
        requiredKeys: ['name', 'type', 'mode', 'mtimeNs', 'atimeNs', 'ctimeNs', 'uid', 'gid', 'content'],
        noNullPrototype: true,
      },
    );
    fc.assert(
      fc.property(fc.array(node), (nodes) => {
        assert.deepEqual(decodeTree(encodeTree(nodes.map(encodeNode))), nodes);
      }),
    );
  });
});

describe('decodeTree', () => {
  it('takes trees that are not sorted, with fields missing, blanks between them and others beside', () => {
    const text = `{ "version": 3, "nodes": [ {"type":"dir","name":"b"} , {"name":"a","type":"file","inode": 18446744073709551615 } ] }`;
    const [first, second] = decodeTree(Buffer.from(text));
    assert.deepEqual(first?.name, Buffer.from('b'));
    assert.equal(first?.content, null);
    assert.equal(second?.inode, 18_446_744_073_709_551_615n);
    assert.deepEqual(decodeTree(tree()), []);
  });

  it('refuses names that lead elsewhere', () => {
    for (const name of [
      '',
      '.',
      '..',
      '/',
      'a/b',
      '../x',
      String.raw`\x2e\x2e`,
      String.raw`a\x2fb`,
      String.raw`\x00`,
      'a\0',
    ])
      assert.throws(() => decodeTree(withName(name)), { code: 'vault/corrupt' }, name);
    assert.equal(decodeTree(withName('...')).length, 1);
  });

  it('refuses what is no tree', () => {
    const node = frozen['file'] as string;
    const bad = [
      '',
      '[]',
      'null',
      '{}',
      '{"nodes":{}}',
      '{"nodes":[1]}',
      '{"nodes":[null]}',
      '{"nodes":[{}]}',
      '{"nodes":[',
    ];
    bad.push(`{"nodes":[${node.replace(idA, 'a1')}]}`, `{"nodes":[${node.replace(idA, `../${idA.slice(3)}`)}]}`);
    bad.push(`{"nodes":[${node.replace('420', '-1')}]}`, `{"nodes":[${node.replace('1000', '1e99')}]}`);
    bad.push(
      `{"nodes":[${node.replace('2213202', '18446744073709551616')}]}`,
      `{"nodes":[${node.replace('T22', 'X')}]}`,
    );
    bad.push(
      `{"nodes":[${node.replace('"file"', '7')}]}`,
      `{"nodes":[${(frozen['directory'] as string).replace(idA, '')}]}`,
    );
    for (const text of bad) assert.throws(() => decodeTree(Buffer.from(text)), { code: 'vault/corrupt' }, text);
    assert.throws(() => decodeTree(Buffer.from([0x7b, 0xff])), { code: 'vault/corrupt' });
  });
});
