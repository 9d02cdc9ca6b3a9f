/** What takes longer than this for each file came from a disk or a network, not from the cache. */
export const slowMsPerNode = 0.15;
