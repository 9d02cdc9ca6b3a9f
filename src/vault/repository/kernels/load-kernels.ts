import { readFileSync } from 'node:fs';
import { systemCode } from '../../../base/errors.ts';
import { vaultError } from '../../errors.ts';

/**
 * The loops that are too slow in JavaScript, in WebAssembly (docs/decisions/0005). One instance a thread: it holds the state of
 * one message at a time, so that no caller may wait for something between `startPoly1305` and `finishPoly1305`.
 */
export interface Kernels {
  /** Begins a message; `oneTimeKey` is r, clamped or not, and s: 32 bytes. */
  startPoly1305(oneTimeKey: Uint8Array): void;
  /** Takes more of the message. Only its last part may have a length that 16 does not divide. */
  updatePoly1305(bytes: Uint8Array): void;
  /** The 16 bytes of the message's tag. */
  finishPoly1305(): Uint8Array;
  /**
   * Finds the positions where a chunk may end (a position counts the bytes before it): those behind `from` for which the
   * 64 bytes before say so. Pairs in ascending order: the first and the last of adjacent positions. Positions up to
   * 64 are never among them, as nothing is known of what is before `bytes`; so give 64 bytes more and leave them out with
   * `from`.
   */
  findCandidates(tables: Uint8Array, bytes: Uint8Array, from: number): Uint32Array;
  /** The same, found byte by byte: what `findCandidates` is held against. */
  findCandidatesSerially(tables: Uint8Array, bytes: Uint8Array, from: number): Uint32Array;
}

/** What is used of WebAssembly: its types are not among those of ECMAScript or Node.js. */
declare const WebAssembly: {
  readonly Module: new (code: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: unknown };
};

/** An address or a size. */
interface Constant {
  readonly value: number;
}

/** What assembly/index.ts exports. */
interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer };
  readonly halfByteTables: Constant;
  readonly input: Constant;
  readonly oneTimeKey: Constant;
  readonly pieceSize: Constant;
  readonly rangeLimit: Constant;
  readonly ranges: Constant;
  readonly tag: Constant;
  readonly windowSize: Constant;
  startPoly1305(): void;
  updatePoly1305(length: number): void;
  finishPoly1305(): void;
  readonly scan: (length: number) => void;
  readonly scanSerially: (length: number) => void;
  collectRanges(index: number, length: number): number;
}

type Poly1305 = Pick<Kernels, 'startPoly1305' | 'updatePoly1305' | 'finishPoly1305'>;
type Rabin = Pick<Kernels, 'findCandidates' | 'findCandidatesSerially'>;

function instantiate(): Exports {
  let code: Buffer;
  try {
    code = readFileSync(new URL('kernels.wasm', import.meta.url));
  } catch (cause) {
    throw vaultError('no-kernels', {
      message: `The compiled kernels of the repository vault can't be read (${systemCode(cause) ?? 'unknown'}).`,
      hint: 'In a checkout run "npm ci", then "npm run build:kernels"; otherwise install Holdfast again.',
      cause,
    });
  }
  return new WebAssembly.Instance(new WebAssembly.Module(code)).exports as Exports;
}

function poly1305(exports: Exports, memory: Uint8Array): Poly1305 {
  const input = exports.input.value;
  const tag = exports.tag.value;
  const size = exports.pieceSize.value & ~15;
  return {
    startPoly1305: (oneTimeKey) => {
      memory.set(oneTimeKey, exports.oneTimeKey.value);
      exports.startPoly1305();
    },
    updatePoly1305: (bytes) => {
      for (let at = 0; at < bytes.length; at += size) {
        const piece = at === 0 && bytes.length <= size ? bytes : bytes.subarray(at, at + size);
        memory.set(piece, input);
        exports.updatePoly1305(piece.length);
      }
    },
    finishPoly1305: () => {
      exports.finishPoly1305();
      return memory.slice(tag, tag + 16);
    },
  };
}

/** Adds ranges to `found`, `base` further on, and joins what touches. */
function append(found: number[], ranges: Uint32Array, base: number): void {
  for (let i = 0; i < ranges.length; i += 2) {
    const first = base + (ranges[i] ?? 0);
    const last = base + (ranges[i + 1] ?? 0);
    if (found.at(-1) === first - 1) found[found.length - 1] = last;
    else found.push(first, last);
  }
}

function rabin(exports: Exports, memory: Uint8Array): Rabin {
  const input = exports.input.value;
  const windowSize = exports.windowSize.value;
  const pieceSize = exports.pieceSize.value;
  const limit = exports.rangeLimit.value;
  const ranges = new Uint32Array(memory.buffer, exports.ranges.value, 2 * limit);
  let current: Uint8Array | undefined;

  const collect = (found: number[], base: number, length: number): void => {
    for (let index = 0, count = limit; count === limit; index = ranges[2 * limit - 1] ?? 0) {
      count = exports.collectRanges(index, length);
      append(found, ranges.subarray(0, 2 * count), base);
    }
  };

  const findWith =
    (scan: (length: number) => void): Kernels['findCandidates'] =>
    (tables, bytes, from) => {
      if (tables !== current) memory.set(tables, exports.halfByteTables.value);
      current = tables;
      const found: number[] = [];
      for (let at = Math.max(from, windowSize); at < bytes.length; at += pieceSize) {
        const length = Math.min(pieceSize, bytes.length - at);
        memory.set(bytes.subarray(at - windowSize, at + length), input);
        scan(length);
        collect(found, at, length);
      }
      return Uint32Array.from(found);
    };

  return { findCandidates: findWith(exports.scan), findCandidatesSerially: findWith(exports.scanSerially) };
}

let loaded: Kernels | undefined;

/** This thread's kernels; loaded at the first call. They hold less than half a MiB and never more. */
export function loadKernels(): Kernels {
  if (loaded !== undefined) return loaded;
  const exports = instantiate();
  const memory = new Uint8Array(exports.memory.buffer);
  loaded = { ...poly1305(exports, memory), ...rabin(exports, memory) };
  return loaded;
}
