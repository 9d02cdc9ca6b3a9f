import type * as NodeFfi from 'node:ffi';

/** node:ffi; undefined where this Node.js has none (before 26.1, or switched off). */
export const findFfi = (): typeof NodeFfi | undefined => process.getBuiltinModule('node:ffi');

/**
 * Functions of the libraries that this Node.js was built with (OpenSSL, zstd), to be called on memory of one's own:
 * docs/decisions/0004. Undefined where there is no node:ffi, or where one of them is not to be found.
 */
export function findNativeFunctions<const Signatures extends NodeFfi.FunctionDefinitions>(
  signatures: Signatures,
): NodeFfi.DynamicLibraryResult<Signatures>['functions'] | undefined {
  try {
    return findFfi()?.dlopen(null, signatures).functions;
  } catch {
    return undefined;
  }
}
