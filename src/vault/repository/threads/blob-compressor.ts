import zlib from 'node:zlib';
import { KiB } from '../../../base/bytes.ts';
import { findNativeFunctions } from '../../../base/native-functions.ts';
import { addressOf } from '../../../base/native-memory.ts';
import { ScratchMemory } from './scratch-memory.ts';

const { ZSTD_c_compressionLevel, ZSTD_c_hashLog, ZSTD_c_chainLog } = zlib.constants;

/** From this size on zstd's level 3 uses its largest tables. */
const largeBytes = 256 * KiB;

/**
 * zstd.h: ZSTD_c_blockSplitterLevel, of which 0 is zstd's own choice and 1 never splits blocks by what is in them: 2 (text) to
 * 17 % (programs) faster for up to 0.6 % more bytes. No promise of zstd's beyond these versions.
 */
const blockSplitterLevel = process.versions['zstd']?.startsWith('1.5.') === true ? 1017 : undefined;

/**
 * Level 3 with smaller tables, which leave the processor's cache room for the content: 15 to 20 % faster, for 0.4 % (text)
 * to 1.5 % (programs) more bytes. 0 is zstd's own choice.
 */
const smallTables = { [ZSTD_c_hashLog]: 16, [ZSTD_c_chainLog]: 13 } as const;
const ownTables = { [ZSTD_c_hashLog]: 0, [ZSTD_c_chainLog]: 0 } as const;

type Tables = typeof smallTables | typeof ownTables;

const signatures = {
  ZSTD_createCCtx: { arguments: [], return: 'pointer' },
  ZSTD_CCtx_setParameter: { arguments: ['pointer', 'i32', 'i32'], return: 'u64' },
  ZSTD_compress2: { arguments: ['pointer', 'pointer', 'u64', 'pointer', 'u64'], return: 'u64' },
  ZSTD_isError: { arguments: ['u64'], return: 'u32' },
} as const;

/** zstd's own bound on a frame's size: with that much room it needs no copies. */
const compressBound = (bytes: number): number => bytes + (bytes >> 8) + 64 * KiB;

/**
 * Compresses blobs to zstd frames, one after the other, with one context and one buffer for all: node:zlib makes both anew for each
 * call, which costs more than compressing 4 KB and leaves megabytes to the garbage collector. So zstd is called where
 * Node.js has it (node:ffi, docs/decisions/0004), and through node:zlib where that can't be.
 */
export class BlobCompressor {
  private readonly level: number;
  private readonly direct = findNativeFunctions(signatures);
  private readonly context: bigint = 0n;
  private readonly output = new ScratchMemory();
  private tables: Tables = ownTables;

  constructor(level: number) {
    this.level = level;
    if (!this.direct) return;
    this.context = this.direct.ZSTD_createCCtx();
    this.set(ZSTD_c_compressionLevel, level);
  }

  /** The frame of `bytes`; valid until the next call. */
  compress(bytes: Uint8Array): Uint8Array {
    if (!this.direct || this.context === 0n) return this.compressByZlib(bytes);
    const bound = compressBound(bytes.length);
    const output = this.output.room(bound);
    const { ZSTD_compress2, ZSTD_isError } = this.direct;
    this.useTables(this.tablesFor(bytes.length));
    const size = ZSTD_compress2(this.context, addressOf(output), BigInt(bound), addressOf(bytes), BigInt(bytes.length));
    return ZSTD_isError(size) === 0 ? output.subarray(0, Number(size)) : this.compressByZlib(bytes);
  }

  private tablesFor(bytes: number): Tables {
    return this.level === 3 && bytes > largeBytes ? smallTables : ownTables;
  }

  private useTables(tables: Tables): void {
    if (tables === this.tables) return;
    this.tables = tables;
    for (const [parameter, log] of Object.entries(tables)) this.set(Number(parameter), log);
    if (blockSplitterLevel !== undefined) this.set(blockSplitterLevel, tables === smallTables ? 1 : 0);
  }

  private set(parameter: number, value: number): void {
    this.direct?.ZSTD_CCtx_setParameter(this.context, parameter, value);
  }

  private compressByZlib(bytes: Uint8Array): Uint8Array {
    return zlib.zstdCompressSync(bytes, {
      chunkSize: compressBound(bytes.length),
      params: { [ZSTD_c_compressionLevel]: this.level, ...this.tablesFor(bytes.length) },
      pledgedSrcSize: bytes.length,
    });
  }
}
