import type * as NodeFfi from 'node:ffi';
import { getSystemErrorName } from 'node:util';

/** The error of the call to the C library that has just failed: its `code` is the system's ("ENOENT"). */
export type LibcError = (call: string) => Error;

export function bindLibcError(ffi: typeof NodeFfi): LibcError {
  const { functions: libc } = ffi.dlopen(null, { __errno_location: { arguments: [], return: 'pointer' } });
  return (call) => {
    const code = getSystemErrorName(-ffi.getInt32(libc.__errno_location(), 0));
    return Object.assign(new Error(`${code}: ${call}`), { code, syscall: call });
  };
}
