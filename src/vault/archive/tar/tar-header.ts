import { vaultError } from '../../errors.ts';

/**
 * One 512-byte header block of POSIX ustar (IEEE 1003.1, pax, "ustar Interchange Format"), with GNU's base-256 numbers.
 */
export const blockBytes = 512;

export interface TarHeader {
  readonly name: Buffer;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly sizeBytes: number;
  /** Whole seconds; the fraction is pax's. */
  readonly mtime: number;
  readonly type: string;
  readonly linkName: Buffer;
  readonly user: Buffer;
  readonly group: Buffer;
  readonly major: number;
  readonly minor: number;
}

const field = {
  name: [0, 100],
  mode: [100, 8],
  uid: [108, 8],
  gid: [116, 8],
  size: [124, 12],
  mtime: [136, 12],
  checksum: [148, 8],
  type: [156, 1],
  linkName: [157, 100],
  magic: [257, 8],
  user: [265, 32],
  group: [297, 32],
  major: [329, 8],
  minor: [337, 8],
  prefix: [345, 155],
} as const;

export const nameBytes = 100;
export const ownerNameBytes = 32;

/** What an octal field of 8 and of 12 bytes can hold. */
export const largestId = 0o7777777;
export const largestSize = 0o77777777777;

function writeOctal(block: Buffer, [offset, width]: readonly [number, number], value: number): void {
  block.write(value.toString(8).padStart(width - 1, '0'), offset, 'latin1');
}

function checksumOf(block: Buffer): number {
  let sum = 0;
  for (let index = 0; index < blockBytes; index += 1) sum += block[index] as number;
  for (let index = 148; index < 156; index += 1) sum += 32 - (block[index] as number);
  return sum;
}

/** Where a name of more than 100 bytes can be cut into ustar's prefix and name; undefined when it can't. */
function cutOf(name: Buffer): number | undefined {
  const slash = name.indexOf(0x2f, Math.max(1, name.length - nameBytes - 1));
  return slash > 0 && slash <= 155 && slash < name.length - 1 ? slash : undefined;
}

/** True when ustar can hold the name, so that no pax record is needed for it. */
export const fitsName = (name: Buffer): boolean => name.length <= nameBytes || cutOf(name) !== undefined;

/** Encodes a header. Numbers must fit their fields; a name that does not fit is cut, as pax says it elsewhere. */
export function encodeHeader(header: TarHeader): Buffer {
  const block = Buffer.alloc(blockBytes);
  const cut = header.name.length > nameBytes ? cutOf(header.name) : undefined;
  if (cut === undefined) header.name.copy(block, 0, 0, nameBytes);
  else {
    header.name.copy(block, field.prefix[0], 0, cut);
    header.name.copy(block, 0, cut + 1);
  }
  writeOctal(block, field.mode, header.mode);
  writeOctal(block, field.uid, header.uid);
  writeOctal(block, field.gid, header.gid);
  writeOctal(block, field.size, header.sizeBytes);
  writeOctal(block, field.mtime, header.mtime);
  block.write(header.type, field.type[0], 'latin1');
  header.linkName.copy(block, field.linkName[0], 0, nameBytes);
  block.write('ustar\u000000', field.magic[0], 'latin1');
  header.user.copy(block, field.user[0], 0, ownerNameBytes);
  header.group.copy(block, field.group[0], 0, ownerNameBytes);
  writeOctal(block, field.major, header.major);
  writeOctal(block, field.minor, header.minor);
  block.write(`${checksumOf(block).toString(8).padStart(6, '0')}\u0000 `, field.checksum[0], 'latin1');
  return block;
}

export const tarDamaged = (detail: string): Error =>
  vaultError('corrupt', {
    message: `The tar inside is damaged: ${detail}.`,
    hint: 'Restore another restore point; this one can not be read past the damage.',
  });

function text(block: Buffer, [offset, width]: readonly [number, number]): Buffer {
  const raw = block.subarray(offset, offset + width);
  const end = raw.indexOf(0);
  return Buffer.from(end === -1 ? raw : raw.subarray(0, end));
}

function number(block: Buffer, [offset, width]: readonly [number, number], what: string): number {
  const raw = block.subarray(offset, offset + width);
  const first = raw[0] as number;
  if (first >= 0x80) {
    // GNU's base-256: two's complement, its sign in the second highest bit of the first byte
    let value = BigInt(first & 0x7f);
    for (const byte of raw.subarray(1)) value = (value << 8n) | BigInt(byte);
    const signed = BigInt.asIntN(width * 8 - 1, value);
    if (signed > BigInt(Number.MAX_SAFE_INTEGER) || signed < BigInt(Number.MIN_SAFE_INTEGER)) {
      throw tarDamaged(`the ${what} of a header is out of range`);
    }
    return Number(signed);
  }
  const digits = text(block, [offset, width]).toString('latin1').trim();
  if (!/^[0-7]*$/.test(digits)) throw tarDamaged(`the ${what} of a header is no number`);
  return digits === '' ? 0 : Number.parseInt(digits, 8);
}

/** Decodes a header, or says "end" for a block of zeros. vault/corrupt when the checksum or a number is wrong. */
export function decodeHeader(block: Buffer): TarHeader | 'end' {
  const stored = number(block, field.checksum, 'checksum');
  if (stored !== checksumOf(block)) {
    if (block.every((byte) => byte === 0)) return 'end';
    throw tarDamaged('the checksum of a header does not match');
  }
  const ustar = block.toString('latin1', 257, 263) === 'ustar\u0000';
  const prefix = ustar ? text(block, field.prefix) : Buffer.alloc(0);
  const name = text(block, field.name);
  return {
    name: prefix.length > 0 ? Buffer.concat([prefix, Buffer.from('/'), name]) : name,
    mode: number(block, field.mode, 'mode'),
    uid: number(block, field.uid, 'owner'),
    gid: number(block, field.gid, 'group'),
    sizeBytes: number(block, field.size, 'size'),
    mtime: number(block, field.mtime, 'time'),
    type: String.fromCharCode((block[156] as number) || 0x30),
    linkName: text(block, field.linkName),
    user: text(block, field.user),
    group: text(block, field.group),
    major: number(block, field.major, 'device'),
    minor: number(block, field.minor, 'device'),
  };
}
