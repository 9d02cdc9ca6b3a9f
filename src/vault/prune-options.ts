/** How much of what stays may be unused: bytes, a share of all, or any. */
export type MaxUnused = number | `${number}%` | 'unlimited';

/** What a prune may leave as it is. */
export interface PruneLimits {
  readonly maxUnused?: MaxUnused;
  /** Packs are repacked only as long as they are not more than so many bytes together. */
  readonly maxRepackBytes?: number;
  /** Repack packs of trees only. */
  readonly repackCacheableOnly?: boolean;
  /** Repack all packs below 80 % of the size that packs aim at. */
  readonly repackSmall?: boolean;
  /** Repack, and so compress, packs with anything that is not compressed; format 2 only. */
  readonly repackUncompressed?: boolean;
  /** What packs aim at. Default: the vault's own, or 16 MiB. */
  readonly packSizeBytes?: number;
}

export interface PruneProgress {
  readonly step: 'trees' | 'repack' | 'index' | 'delete';
  readonly done: number;
  /** 0 where it is not known. */
  readonly total: number;
}

/** How many there are, and the bytes that they take in packs, without headers. */
export interface PrunedAmount {
  readonly blobs: number;
  readonly bytes: number;
}

/** What a prune found and did; in a dry run, what it would do. In restic's terms. */
export interface VaultPruneReport {
  readonly used: PrunedAmount;
  /** Further copies of what is used. */
  readonly duplicate: PrunedAmount;
  readonly unused: PrunedAmount;
  /** In packs that were written anew, and what of it was left out. */
  readonly repack: PrunedAmount;
  readonly repackRemove: PrunedAmount;
  /** In packs of which nothing was used. */
  readonly remove: PrunedAmount;
  /** What the repository has afterwards, and what of it is unused. */
  readonly remaining: PrunedAmount;
  readonly remainingUnusedBytes: number;
  /** Packs that no index named: they are deleted. */
  readonly unreferencedBytes: number;
  /** Bytes of all packs that go, less those that come. */
  readonly freedBytes: number;
  readonly packs: {
    readonly used: number;
    readonly partlyUsed: number;
    readonly unused: number;
    readonly unreferenced: number;
    readonly keep: number;
    readonly repack: number;
    readonly remove: number;
  };
}
