/**
 * Linux keeps an access list as the attribute system.posix_acl_access: a version (2), then for each entry a tag, the
 * permissions and an id, little-endian (linux/posix_acl_xattr.h). GNU tar and star read access lists as text.
 */
const version = 2;
const entryBytes = 8;
const tags: Readonly<Record<number, string>> = {
  0x01: 'user:',
  0x02: 'user:',
  0x04: 'group:',
  0x08: 'group:',
  0x10: 'mask:',
  0x20: 'other:',
};
const namedTags = new Set([0x02, 0x08]);

/** Which pax record holds the text of which attribute. */
export const aclKeywords: ReadonlyMap<string, string> = new Map([
  ['system.posix_acl_access', 'SCHILY.acl.access'],
  ['system.posix_acl_default', 'SCHILY.acl.default'],
]);

/** "user::rwx,user:1000:r--,…" with numeric ids; undefined when the bytes are not such a list. */
export function aclText(value: Uint8Array): string | undefined {
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.length);
  if (bytes.length < 4 || (bytes.length - 4) % entryBytes !== 0 || bytes.readUInt32LE(0) !== version) return undefined;
  const entries: string[] = [];
  for (let offset = 4; offset < bytes.length; offset += entryBytes) {
    const tag = bytes.readUInt16LE(offset);
    const permissions = bytes.readUInt16LE(offset + 2);
    const name = tags[tag];
    if (name === undefined) return undefined;
    const id = namedTags.has(tag) ? bytes.readUInt32LE(offset + 4) : '';
    const letters = ['r', 'w', 'x'].map((letter, index) => ((permissions >> (2 - index)) & 1 ? letter : '-')).join('');
    entries.push(`${name}${id}:${letters}`);
  }
  return entries.join(',');
}
