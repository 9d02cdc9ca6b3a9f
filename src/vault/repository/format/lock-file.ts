import { goString } from './go-json.ts';
import { formatTime, parseTime } from './go-time.ts';
import { asNumber, asString, jsonText, maxUint32, optional, parseObject } from './read-json.ts';

/** One process that works with the repository. */
export interface LockFile {
  /** When the lock was made or last refreshed, in nanoseconds since 1970. */
  readonly timeNs: bigint;
  readonly exclusive: boolean;
  readonly hostname: string;
  readonly username: string;
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
}

/** restic's JSON; uid and gid 0 are left out. */
export function encodeLock({ timeNs, exclusive, hostname, username, pid, uid, gid }: LockFile): string {
  const who = `"hostname":${goString(hostname)},"username":${goString(username)},"pid":${pid}`;
  const ids = `${uid === 0 ? '' : `,"uid":${uid}`}${gid === 0 ? '' : `,"gid":${gid}`}`;
  return `{"time":"${formatTime(timeNs)}","exclusive":${exclusive},${who}${ids}}`;
}

/** Throws vault/corrupt. */
export function decodeLock(bytes: Uint8Array): LockFile {
  const what = 'A lock';
  const raw = parseObject(jsonText(bytes, what), what);
  return {
    timeNs: parseTime(asString(raw['time'], what)),
    exclusive: raw['exclusive'] === true,
    hostname: optional(raw['hostname'], what, asString) ?? '',
    username: optional(raw['username'], what, asString) ?? '',
    pid: optional(raw['pid'], what, asNumber) ?? 0,
    uid: optional(raw['uid'], what, (value) => asNumber(value, what, maxUint32)) ?? 0,
    gid: optional(raw['gid'], what, (value) => asNumber(value, what, maxUint32)) ?? 0,
  };
}
