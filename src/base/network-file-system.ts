import { statfsSync } from 'node:fs';

/** NFS, SMB, SMB2, FUSE, Ceph, 9P, AFS (statfs(2)). */
const types: ReadonlySet<number> = new Set([
  0x6969, 0x517b, 0xfe534d42, 0xff534d42, 0x65735546, 0x00c36400, 0x01021997, 0x5346414f,
]);

/** True for a file system where one call may take as long as a network wants. Throws the system's error. */
export const isOnNetwork = (path: string | Buffer): boolean => types.has(statfsSync(path).type);
