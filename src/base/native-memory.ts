import { findFfi } from './native-functions.ts';

const addresses = new WeakMap<ArrayBufferLike, bigint>();

/** More than a call has arguments: what was asked for last stays alive, even where nobody else needs it any more. */
const heldCount = 8;
const held: ArrayBufferLike[] = [];
let asked = 0;

/**
 * Where bytes lie, for functions of a library that take an address: to ask Node.js costs as much as a short function
 * itself, so it is remembered of each piece of memory, which must not be one that is resized or handed over. Valid for
 * the call that it is asked for, as the bytes stay in use or are kept for so long. Only where there is node:ffi.
 */
export function addressOf({ buffer, byteOffset }: Uint8Array): bigint {
  held[asked++ % heldCount] = buffer;
  let address = addresses.get(buffer);
  if (address === undefined) {
    address = findFfi()?.getRawPointer(new Uint8Array(buffer)) ?? 0n;
    addresses.set(buffer, address);
  }
  return byteOffset === 0 ? address : address + BigInt(byteOffset);
}
