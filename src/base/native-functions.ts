import type * as NodeFfi from 'node:ffi';
import { setFlagsFromString } from 'node:v8';

let isMadeSafe = false;

/**
 * node:ffi; undefined where this Node.js has none (before 26.1, or switched off). When a thread ends, Node.js frees what V8
 * may be reading just then to compile a fast call into a library, and the whole process dies: so such calls are not
 * compiled, which takes 60 ns more for each. bin/holdfast.js says so too, before anything is compiled that is cached.
 */
export function findFfi(): typeof NodeFfi | undefined {
  const ffi = process.getBuiltinModule('node:ffi');
  if (ffi && !isMadeSafe) setFlagsFromString('--no-turbo-fast-api-calls');
  isMadeSafe = true;
  return ffi;
}

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
