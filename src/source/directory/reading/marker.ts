import { closeSync, constants, openSync, readSync } from 'node:fs';
import { inLatin1, locationOf } from '../place.ts';

/** A file that says of the directory that it is in: not worth a backup. */
export interface Marker {
  readonly name: string;
  /** How it must begin; anything unless given. */
  readonly header?: string | undefined;
}

/** The marker of caches (https://bford.info/cachedir/). */
export const cacheMarker: Marker = { name: 'CACHEDIR.TAG', header: 'Signature: 8a477f597d28d172789f06886806bc55' };

function beginsWith(location: Buffer, header: string): boolean {
  const bytes = Buffer.alloc(Buffer.byteLength(header));
  try {
    const file = openSync(location, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      readSync(file, bytes, 0, bytes.length, 0);
    } finally {
      closeSync(file);
    }
  } catch {
    return false; // what can't be read marks nothing, and is reported when its own turn comes
  }
  return bytes.equals(Buffer.from(header));
}

/** What a marked directory is to hold, of names in latin1: its marker alone. undefined when none of the markers is in it. */
export function findMarker(
  directory: Buffer,
  names: readonly string[],
  markers: readonly Marker[],
): readonly string[] | undefined {
  for (const { name, header } of markers) {
    const found = inLatin1(name);
    if (!names.includes(found)) continue;
    if (header === undefined || beginsWith(locationOf({ directory, name: found }), header)) return [found];
  }
  return undefined;
}
