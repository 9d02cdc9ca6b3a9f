import { readFileSync } from 'node:fs';

/** The names that this machine gives to numbers of users and groups; undefined where it has none. */
export interface OwnerNames {
  readonly user: (uid: number) => string | undefined;
  readonly group: (gid: number) => string | undefined;
}

export const noOwnerNames: OwnerNames = { user: () => undefined, group: () => undefined };

function readNames(file: string): ReadonlyMap<number, string> {
  const names = new Map<number, string>();
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    return names; // a container without it has no names to tell
  }
  for (const line of text.split('\n')) {
    const [name, , number] = line.split(':');
    const id = Number(number);
    if (name && number && !names.has(id)) names.set(id, name);
  }
  return names;
}

/** Reads /etc/passwd and /etc/group as they are now. Other directories of users (LDAP) are not asked. */
export function readOwnerNames(): OwnerNames {
  const users = readNames('/etc/passwd');
  const groups = readNames('/etc/group');
  return { user: (uid) => users.get(uid), group: (gid) => groups.get(gid) };
}
