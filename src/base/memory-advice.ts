import { findNativeFunctions } from './native-functions.ts';

const signatures = { madvise: { arguments: ['pointer', 'u64', 'i32'], return: 'i32' } } as const;
const libc = process.platform === 'linux' ? findNativeFunctions(signatures) : undefined;

/** For madvise(2), with the same numbers on all of Linux. */
const advice = { dontNeed: 4, hugePage: 14 } as const;

/** The size of a page, at which what the kernel is told of must begin. */
export const pageBytes = 4096n;

/** Tells the kernel what some pages are for. False where that can't be done. */
export function adviseMemory(address: bigint, bytes: bigint, what: keyof typeof advice): boolean {
  return libc !== undefined && address % pageBytes === 0n && libc.madvise(address, bytes, advice[what]) === 0;
}
