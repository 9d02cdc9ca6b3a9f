import type * as NodeFfi from 'node:ffi';

/**
 * Functions of the libraries that this Node.js was built with (OpenSSL, zstd), to be called on memory of one's own:
 * docs/decisions/0004. Undefined where there is no node:ffi, or where one of them is not to be found.
 */
export function findNativeFunctions<const Signatures extends NodeFfi.FunctionDefinitions>(
  signatures: Signatures,
): NodeFfi.DynamicLibraryResult<Signatures>['functions'] | undefined {
  try {
    const ffi = process.getBuiltinModule('node:ffi') as typeof NodeFfi | undefined;
    return ffi?.dlopen(null, signatures).functions;
  } catch {
    return undefined;
  }
}
