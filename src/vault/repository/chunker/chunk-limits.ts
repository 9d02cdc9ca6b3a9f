import { KiB, MiB } from '../../../base/bytes.ts';

/** restic's chunks, in bytes. A chunk may end where the last `window` bytes leave a remainder with 20 zero bits: about each MiB. */
export const chunkLimits = { min: 512 * KiB, max: 8 * MiB, window: 64 } as const;
