import { tarDamaged } from './tar-header.ts';

/** Records of a pax extended header: "LENGTH KEYWORD=VALUE\n" (IEEE 1003.1, pax). Values are bytes. */
export type PaxRecords = ReadonlyMap<string, Buffer>;

/** Encodes records in the order of the map; "hdrcharset" has to come first. */
export function encodePax(records: PaxRecords): Buffer {
  const parts: Buffer[] = [];
  for (const [keyword, value] of records) {
    const body = Buffer.concat([Buffer.from(` ${keyword}=`), value, Buffer.from('\n')]);
    // The length counts its own digits.
    let length = body.length + 1;
    while (String(length).length + body.length !== length) length = String(length).length + body.length;
    parts.push(Buffer.from(String(length)), body);
  }
  return Buffer.concat(parts);
}

/** Decodes records; of two with one keyword the later counts. vault/corrupt when they are malformed. */
export function decodePax(bytes: Buffer): Map<string, Buffer> {
  const records = new Map<string, Buffer>();
  let offset = 0;
  while (offset < bytes.length) {
    const space = bytes.indexOf(0x20, offset);
    const digits = space === -1 ? '' : bytes.toString('latin1', offset, space);
    const end = offset + Number(digits);
    const equals = bytes.indexOf(0x3d, space);
    if (!/^[1-9][0-9]{0,9}$/.test(digits) || end > bytes.length || equals === -1 || equals >= end) {
      throw tarDamaged('an extended header is malformed');
    }
    if (bytes[end - 1] !== 0x0a) throw tarDamaged('a record of an extended header does not end');
    records.set(bytes.toString('utf8', space + 1, equals), Buffer.from(bytes.subarray(equals + 1, end - 1)));
    offset = end;
  }
  return records;
}

const billion = 1_000_000_000n;

/** Nanoseconds as pax's decimal seconds: "-1.5". */
export function encodeTime(nanoseconds: bigint): string {
  const magnitude = nanoseconds < 0n ? -nanoseconds : nanoseconds;
  const fraction = (magnitude % billion).toString().padStart(9, '0').replace(/0+$/, '');
  return `${nanoseconds < 0n ? '-' : ''}${magnitude / billion}${fraction === '' ? '' : `.${fraction}`}`;
}

/** Pax's decimal seconds as nanoseconds; digits after the ninth are dropped. vault/corrupt when it is no number. */
export function decodeTime(text: string): bigint {
  const match = /^(-?)([0-9]+)(?:\.([0-9]*))?$/.exec(text);
  if (!match) throw tarDamaged(`"${text}" is no time`);
  const [, sign, seconds = '0', fraction = ''] = match;
  const magnitude = BigInt(seconds) * billion + BigInt(fraction.slice(0, 9).padEnd(9, '0'));
  return sign === '-' ? -magnitude : magnitude;
}

/** The keyword of an extended attribute, escaped as GNU tar does it: "=" would end the keyword. */
export const xattrKeyword = (name: string): string =>
  `SCHILY.xattr.${name.replaceAll('%', '%25').replaceAll('=', '%3D')}`;

/** The attribute's name that `xattrKeyword` was given; undefined when the keyword is another. */
export function xattrNameOf(keyword: string): string | undefined {
  if (!keyword.startsWith('SCHILY.xattr.')) return undefined;
  return keyword.slice('SCHILY.xattr.'.length).replaceAll('%3D', '=').replaceAll('%25', '%');
}
