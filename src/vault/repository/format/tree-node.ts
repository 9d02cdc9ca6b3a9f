import { isUtf8 } from 'node:buffer';
import { goString, goStringOfBytes, quoteName, unquoteName } from './go-json.ts';
import { formatTime, parseTime, zeroTimeNs, zoneOf } from './go-time.ts';
import { jsonItems, jsonMembers } from './json-members.ts';
import { hasUnknown, insertUnknown, type UnknownField, unknownFields } from './unknown-fields.ts';
import {
  asArray,
  asId,
  asNumber,
  asObject,
  asString,
  corrupt,
  type JsonObject,
  jsonText,
  maxUint32,
  optional,
  parseObject,
} from './read-json.ts';

/** "socket" and "irregular" have no content that could be restored; a newer restic may write types unknown here. */
export type NodeType = 'file' | 'dir' | 'symlink' | 'dev' | 'chardev' | 'fifo' | 'socket' | 'irregular' | (string & {});

export interface NodeAttribute {
  readonly name: string;
  readonly value: Buffer | null;
}

/** The offsets ("+01:00") that times were written with; restic writes those of the machine's own zone. */
export interface TimeZones {
  readonly mtime: string;
  readonly atime: string;
  readonly ctime: string;
}

/** One file, directory or other node, as a tree of the repository tells of it. */
export interface TreeNode {
  readonly name: Buffer;
  readonly type: NodeType;
  /** The bits of Go's os.FileMode: permissions as in Unix, all else elsewhere (see go-mode.ts). */
  readonly mode: number;
  /** Nanoseconds since 1970. */
  readonly mtimeNs: bigint;
  readonly atimeNs: bigint;
  readonly ctimeNs: bigint;
  readonly uid: number;
  readonly gid: number;
  readonly user?: string;
  readonly group?: string;
  readonly inode?: bigint;
  readonly deviceId?: bigint;
  readonly size?: number;
  readonly links?: number;
  readonly linkTarget?: Buffer;
  /** The target had bytes that are no UTF-8, and the program that wrote the tree (restic before 0.16) lost them. */
  readonly linkTargetLost?: true;
  readonly extendedAttributes?: readonly NodeAttribute[];
  /** Of a dev or chardev: the number that mknod(2) takes. */
  readonly device?: bigint;
  /** The ids of the data blobs that make up a file, in hex; null for what is no file. */
  readonly content: readonly string[] | null;
  /** The id of a directory's tree. */
  readonly subtree?: string;
  readonly error?: string;
  readonly zones?: TimeZones;
  readonly unknown?: readonly UnknownField[];
}

/** A JSON string literal of text that needs escaping in none of its characters: ids and base64. */
const plain = (text: string): string => `"${text}"`;

export const contentJson = (content: readonly string[] | null): string => {
  if (content === null) return 'null';
  return content.length === 0 ? '[]' : `["${content.join('","')}"]`;
};

/** Left out when the target is UTF-8, as since restic 0.16; older ones read the damaged form before it. */
export const linkTargetJson = (target: Buffer): string => {
  const text = `,"linktarget":${goStringOfBytes(target)}`;
  return isUtf8(target) ? text : `${text},"linktarget_raw":${plain(target.toString('base64'))}`;
};

export const attributesJson = (attributes: readonly NodeAttribute[]): string => {
  const items = attributes.map(({ name, value }) => {
    return `{"name":${goString(name)},"value":${value === null ? 'null' : plain(value.toString('base64'))}}`;
  });
  return `,"extended_attributes":[${items.join(',')}]`;
};

function encodeTimes({ mtimeNs, atimeNs, ctimeNs, zones }: TreeNode): string {
  if (zones !== undefined) {
    const mtime = formatTime(mtimeNs, zones.mtime);
    const atime = formatTime(atimeNs, zones.atime);
    return `,"mtime":"${mtime}","atime":"${atime}","ctime":"${formatTime(ctimeNs, zones.ctime)}"`;
  }
  const mtime = formatTime(mtimeNs);
  const atime = atimeNs === mtimeNs ? mtime : formatTime(atimeNs);
  const ctime = ctimeNs === mtimeNs ? mtime : formatTime(ctimeNs);
  return `,"mtime":"${mtime}","atime":"${atime}","ctime":"${ctime}"`;
}

function encodeOwner({ uid, gid, user, group }: TreeNode): string {
  let json = `,"uid":${uid},"gid":${gid}`;
  if (user) json += `,"user":${goString(user)}`;
  if (group) json += `,"group":${goString(group)}`;
  return json;
}

const replacement = /\ufffd/g;

function encodeLinkTarget({ linkTarget, linkTargetLost }: TreeNode): string {
  if (linkTarget === undefined || linkTarget.length === 0) return '';
  const json = linkTargetJson(linkTarget);
  return linkTargetLost ? json.replace(replacement, '\\ufffd') : json;
}

function encodeKnown(node: TreeNode): string {
  let json = `{"name":${goString(quoteName(node.name))},"type":${goString(node.type)}`;
  if (node.mode !== 0) json += `,"mode":${node.mode}`;
  json += encodeTimes(node) + encodeOwner(node);
  if (node.inode) json += `,"inode":${node.inode}`;
  if (node.deviceId) json += `,"device_id":${node.deviceId}`;
  if (node.size) json += `,"size":${node.size}`;
  if (node.links) json += `,"links":${node.links}`;
  json += encodeLinkTarget(node);
  if (node.extendedAttributes?.length) json += attributesJson(node.extendedAttributes);
  if (node.device) json += `,"device":${node.device}`;
  json += `,"content":${contentJson(node.content)}`;
  if (node.subtree !== undefined) json += `,"subtree":${plain(node.subtree)}`;
  if (node.error) json += `,"error":${goString(node.error)}`;
  return `${json}}`;
}

/** restic's order of the fields. */
const fieldOrder = (
  'name type mode mtime atime ctime uid gid user group inode device_id size links linktarget linktarget_raw ' +
  'extended_attributes device content subtree error'
).split(' ');
const known = new Set(fieldOrder);

/** One node as the JSON object that restic writes for it, byte for byte. */
export function encodeNode(node: TreeNode): string {
  const json = encodeKnown(node);
  return node.unknown === undefined ? json : insertUnknown(json, node.unknown, fieldOrder);
}

/** The plain text of a tree blob. The nodes must ascend by the bytes of their names, each name once. */
export function encodeTree(nodes: readonly string[]): Buffer {
  return Buffer.from(`{"nodes":[${nodes.join(',')}]}\n`);
}

/**
 * Numbers that a double can't hold, put in quotes before JSON.parse sees them. Text between quotes can't match: there,
 * a quote stands behind a backslash or ends the text.
 */
const largeNumber = /(?<=[{,]\s*"(?:inode|device_id|device)"\s*:\s*)\d{16,20}(?=\s*[,}])/g;

const maxUint64 = 2n ** 64n - 1n;

function asUint64(value: unknown, what: string): bigint {
  if (typeof value === 'string' && /^\d{1,20}$/.test(value) && BigInt(value) <= maxUint64) return BigInt(value);
  return BigInt(asNumber(value, what));
}

const asOwner = (value: unknown, what: string): number => (value === undefined ? 0 : asNumber(value, what, maxUint32));

const asTime = (value: unknown, what: string): bigint =>
  value === undefined ? zeroTimeNs : parseTime(asString(value, what));

/** Throws for names that would lead a restore elsewhere. */
function readName(value: unknown): Buffer {
  const name = unquoteName(asString(value, 'The name of a node'));
  const text = name.length < 3 ? name.toString('latin1') : '';
  const outside = name.length === 0 || text === '.' || text === '..' || name.includes(0x2f) || name.includes(0);
  if (outside) throw corrupt('A tree', `${JSON.stringify(value)} is no name that a file can have`);
  return name;
}

function readAttribute(value: unknown): NodeAttribute {
  const { name, value: bytes } = asObject(value, 'An extended attribute');
  return {
    name: asString(name, 'An extended attribute'),
    value:
      optional(bytes, 'An extended attribute', (text, what) => Buffer.from(asString(text, what), 'base64')) ?? null,
  };
}

type Draft = { -readonly [Field in keyof TreeNode]: TreeNode[Field] };

/** Fields are set one by one, here and below: a tree may have many nodes, and spreading costs more than reading. */
function readTimes(raw: JsonObject, node: Draft): void {
  const { mtime, atime, ctime } = raw;
  node.mtimeNs = asTime(mtime, 'The mtime of a node');
  node.atimeNs = atime === mtime ? node.mtimeNs : asTime(atime, 'The atime of a node');
  node.ctimeNs = ctime === mtime ? node.mtimeNs : asTime(ctime, 'The ctime of a node');
  if (isUtc(mtime) && isUtc(atime) && isUtc(ctime)) return;
  const [m, a, c] = [mtime, atime, ctime].map((time) => (isUtc(time) ? 'Z' : zoneOf(time as string)));
  node.zones = { mtime: m as string, atime: a as string, ctime: c as string };
}

const isUtc = (time: unknown): boolean => typeof time !== 'string' || time.endsWith('Z');

function readLinkTarget({ linktarget, linktarget_raw: raw }: JsonObject, node: Draft): void {
  if (typeof raw === 'string') node.linkTarget = Buffer.from(raw, 'base64');
  else if (typeof linktarget === 'string') node.linkTarget = Buffer.from(linktarget);
}

function readRare(raw: JsonObject, node: Draft): void {
  readLinkTarget(raw, node);
  const attributes = asArray(raw['extended_attributes'], 'The extended attributes of a node').map(readAttribute);
  const device = optional(raw['device'], 'The device of a node', asUint64);
  const error = optional(raw['error'], 'The error of a node', asString);
  if (attributes.length > 0) node.extendedAttributes = attributes;
  if (device !== undefined) node.device = device;
  if (error !== undefined) node.error = error;
}

const isRare = (raw: JsonObject): boolean =>
  raw['linktarget'] !== undefined ||
  raw['linktarget_raw'] !== undefined ||
  raw['extended_attributes'] !== undefined ||
  raw['device'] !== undefined ||
  raw['error'] !== undefined;

function readSizes({ inode, device_id: deviceId, size, links }: JsonObject, node: Draft): void {
  if (inode !== undefined) node.inode = asUint64(inode, 'The inode of a node');
  if (deviceId !== undefined) node.deviceId = asUint64(deviceId, 'The device id of a node');
  if (size !== undefined) node.size = asNumber(size, 'The size of a node');
  if (links !== undefined) node.links = asNumber(links, 'The number of links of a node');
}

function readContent(value: unknown): readonly string[] | null {
  if (value === undefined || value === null) return null;
  return asArray(value, 'The content of a node').map((id) => asId(id, 'The content of a node'));
}

function readNode(value: unknown): TreeNode {
  const raw = asObject(value, 'A node');
  const { mode, user, group, subtree } = raw;
  const node: Draft = {
    name: readName(raw['name']),
    type: asString(raw['type'], 'The type of a node'),
    mode: mode === undefined ? 0 : asNumber(mode, 'The mode of a node', maxUint32),
    mtimeNs: zeroTimeNs,
    atimeNs: zeroTimeNs,
    ctimeNs: zeroTimeNs,
    uid: asOwner(raw['uid'], 'The uid of a node'),
    gid: asOwner(raw['gid'], 'The gid of a node'),
    content: readContent(raw['content']),
  };
  readTimes(raw, node);
  readSizes(raw, node);
  if (typeof user === 'string') node.user = user;
  if (typeof group === 'string') node.group = group;
  if (subtree !== undefined && subtree !== null) node.subtree = asId(subtree, 'The subtree of a node');
  if (isRare(raw)) readRare(raw, node);
  return node;
}

function needsSource(raw: JsonObject): boolean {
  const { linktarget, linktarget_raw: targetBytes } = raw;
  const maybeLost = targetBytes === undefined && typeof linktarget === 'string' && linktarget.includes('\ufffd');
  return maybeLost || hasUnknown(raw, known);
}

/** What JSON.parse does not tell: unknown fields as they were written, and whether a link's target was lost. */
function readSource(source: string): Pick<TreeNode, 'unknown' | 'linkTargetLost'> {
  const members = jsonMembers(source);
  const unknown = unknownFields(members, known);
  const target = members.find(({ key }) => key === 'linktarget')?.value;
  const lost = target?.includes('\\ufffd') && !members.some(({ key }) => key === 'linktarget_raw');
  return { ...(unknown.length > 0 && { unknown }), ...(lost && { linkTargetLost: true }) };
}

/**
 * The nodes of a tree blob, in its order (which may be unsorted: not every program sorts). Throws vault/corrupt for what
 * is no tree, for ids that are none, and for names that could lead a restore out of its folder.
 */
export function decodeTree(bytes: Uint8Array): TreeNode[] {
  const text = jsonText(bytes, 'A tree');
  const tree = parseObject(text.replace(largeNumber, '"$&"'), 'A tree');
  if (!('nodes' in tree)) throw corrupt('A tree', 'it has no list of nodes');
  const raws = asArray(tree['nodes'], 'A tree');
  const nodes = raws.map(readNode);
  if (!raws.some((raw) => needsSource(raw as JsonObject))) return nodes;
  const sources = jsonItems(jsonMembers(text).findLast(({ key }) => key === 'nodes')?.value ?? '[]');
  return nodes.map((node, index) =>
    needsSource(raws[index] as JsonObject) ? { ...node, ...readSource(sources[index] as string) } : node,
  );
}
