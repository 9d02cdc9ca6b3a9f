/** The programs of other people that the tests use, and how a Debian machine gets them. */
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, globSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Debian package → what must be there: a program in PATH, or a glob of files. */
const packages: Readonly<Record<string, readonly string[]>> = {
  acl: ['setfacl', 'getfacl'],
  age: ['age', 'age-keygen'],
  attr: ['setfattr', 'getfattr'],
  'ca-certificates': ['/etc/ssl/certs/ca-certificates.crt'],
  faketime: ['faketime'],
  git: ['git'],
  gzip: ['gzip', 'gunzip'],
  iproute2: ['ip'],
  openssl: ['openssl'],
  pigz: ['pigz'],
  postgresql: ['/usr/lib/postgresql/*/bin/initdb'],
  'postgresql-client': ['psql', 'pg_dump', 'pg_restore'],
  procps: ['ps'],
  python3: ['python3'],
  rclone: ['rclone'],
  restic: ['restic'],
  tar: ['tar'],
  unzip: ['unzip'],
  'xz-utils': ['xz'],
  zstd: ['zstd'],
};

const isExecutable = (file: string): boolean => {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
};

/** An ordinary user's PATH has no sbin on Debian, where `ip` is. */
const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin'];

const isThere = (what: string): boolean =>
  what.startsWith('/') ? globSync(what).length > 0 : folders.some((folder) => isExecutable(join(folder, what)));

const missingPackages = (): string[] =>
  Object.entries(packages)
    .filter(([, needed]) => !needed.every(isThere))
    .map(([name]) => name);

function aptGet(...args: string[]): boolean {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  return spawnSync('apt-get', ['-qq', ...args], { env, stdio: ['ignore', 'ignore', 'inherit'] }).status === 0;
}

/**
 * Makes sure that every program is there: installs the packages that are missing when we are root on a Debian. Returns
 * undefined, or the one line that tells what the reader must do.
 */
export function ensureDebianPackages(): string | undefined {
  const missing = missingPackages();
  if (missing.length === 0) return undefined;
  const command = `apt-get update && apt-get install -y --no-install-recommends ${missing.join(' ')}`;
  if (process.getuid?.() !== 0 || !existsSync('/etc/debian_version'))
    return `The tests need programs that are not here. On Debian, run: sudo sh -c "${command}"`;
  console.log(`Installing Debian packages that the tests need: ${missing.join(' ')}`);
  const done = aptGet('update') && aptGet('install', '-y', '--no-install-recommends', ...missing);
  const left = missingPackages();
  return done && left.length === 0 ? undefined : `Could not install ${left.join(' ')}. Run: ${command}`;
}
