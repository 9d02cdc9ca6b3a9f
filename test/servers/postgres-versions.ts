import { execFile } from 'node:child_process';
import { chmod, copyFile, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { thrice } from './thrice.ts';

const run = promisify(execFile);

export type PostgresMajor = 15 | 17 | 18;

/** The Debian release that carries each major version. */
const suites: Readonly<Record<PostgresMajor, string>> = { 15: 'bookworm', 17: 'trixie', 18: 'forky' };

const programs = /^(?:initdb|pg_.*|postgres|psql|createdb|dropdb)$/;

/** Not needed by a server on loopback, or found on every machine. libllvm is 100 MB for a JIT that tests don't want. */
const unwanted = /^(?:libllvm|libperl|libpython|libtcl|libsystemd-shared|libjson-perl|libipc-run-perl)/;

function cacheFolder(): string {
  const named = process.env['HOLDFAST_TEST_CACHE'];
  if (named) return path.resolve(named);
  // The server runs as another user when we are root, and root's home is closed to that user.
  return process.getuid?.() === 0 ? '/var/cache/holdfast-test' : path.join(homedir(), '.cache', 'holdfast-test');
}

async function exists(file: string): Promise<boolean> {
  return stat(file).then(
    () => true,
    () => false,
  );
}

/** The Debian mirror that this machine's apt uses. */
async function debianMirror(): Promise<string> {
  const folder = '/etc/apt/sources.list.d';
  const names = (await readdir(folder).catch(() => [])).map((name) => path.join(folder, name));
  for (const file of ['/etc/apt/sources.list', ...names]) {
    const text = await readFile(file, 'utf8').catch(() => '');
    const found = /^(?:URIs: |deb (?:\[[^\]]*\] )?)(https?:\/\/\S+\/debian)\/?(?:\s|$)/m.exec(text);
    if (found?.[1]) return found[1];
  }
  throw new Error('no Debian mirror in /etc/apt: set HOLDFAST_TEST_CACHE to a folder that has the packages already');
}

/** A private apt that shares nothing with the machine's but the keys and the mirror. */
async function privateApt(folder: string, suite: string): Promise<NodeJS.ProcessEnv> {
  const { stdout: architecture } = await run('dpkg', ['--print-architecture']);
  for (const name of ['lists/partial', 'cache/archives/partial', 'etc/preferences.d', 'etc/apt.conf.d', 'log']) {
    await mkdir(path.join(folder, name), { recursive: true });
  }
  await writeFile(path.join(folder, 'status'), '');
  const keys = '/usr/share/keyrings/debian-archive-keyring.gpg';
  await writeFile(path.join(folder, 'sources.list'), `deb [signed-by=${keys}] ${await debianMirror()} ${suite} main\n`);
  const settings = {
    'Dir::Etc': `${folder}/etc`,
    'Dir::Etc::sourcelist': `${folder}/sources.list`,
    'Dir::State': folder,
    'Dir::State::Lists': `${folder}/lists`,
    'Dir::State::status': `${folder}/status`,
    'Dir::Cache': `${folder}/cache`,
    'Dir::Log': `${folder}/log`,
    'Debug::NoLocking': 'true',
    'APT::Architecture': architecture.trim(),
    'APT::Install-Recommends': 'false',
    'APT::Sandbox::User': process.getuid?.() === 0 ? 'root' : '',
    'Acquire::Languages': 'none',
    'Acquire::Retries': '3',
    'Acquire::Check-Valid-Until': 'false',
  };
  const lines = Object.entries(settings).map(([key, value]) => `${key} "${value}";\n`);
  await writeFile(path.join(folder, 'apt.conf'), lines.join(''));
  return { ...process.env, LC_ALL: 'C', APT_CONFIG: path.join(folder, 'apt.conf') };
}

async function unpack(packages: readonly string[], suite: string, target: string): Promise<void> {
  const work = await mkdtemp(path.join(tmpdir(), 'holdfast-apt-'));
  try {
    const env = await privateApt(work, suite);
    await run('apt-get', ['update', '-qq'], { env });
    const { stdout } = await run('apt-get', ['install', '-s', ...packages], { env, maxBuffer: 1 << 26 });
    const names = [...stdout.matchAll(/^Inst (\S+)/gm)]
      .map((match) => match[1] ?? '')
      .filter((name) => packages.includes(name) || (name.startsWith('lib') && !unwanted.test(name)));
    const archives = path.join(work, 'cache/archives');
    await run('apt-get', ['download', '-qq', ...names], { env, cwd: archives });
    for (const name of await readdir(archives)) {
      if (name.endsWith('.deb')) await run('dpkg-deb', ['-x', path.join(archives, name), target]);
    }
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** The loader among the unpacked files, and the folders that hold libraries for it. */
async function loaderOf(root: string): Promise<{ readonly loader: string; readonly libraries: string }> {
  const folders = ['usr/lib', 'lib', 'lib64', 'usr/lib64'].map((name) => path.join(root, name));
  const multiarch: string[] = [];
  for (const folder of folders) {
    const names = await readdir(folder).catch(() => []);
    multiarch.push(...names.filter((name) => name.endsWith('-linux-gnu')).map((name) => path.join(folder, name)));
  }
  for (const folder of [...multiarch, ...folders]) {
    const loader = (await readdir(folder).catch(() => [])).find((name) => /^ld-linux-.*\.so\.\d+$/.test(name));
    if (loader) return { loader: path.join(folder, loader), libraries: multiarch.join(':') };
  }
  throw new Error(`no loader among the packages unpacked in ${root}`);
}

/**
 * Puts a script in the place of each program that runs the real one by its own loader: the machine's C library may be
 * older. `--argv0` keeps the place of the script, from which PostgreSQL finds its other files. `root` is where the tree
 * is now, `home` where it will be.
 */
async function wrapPrograms(folder: string, root: string, home: string): Promise<void> {
  const { loader, libraries } = await loaderOf(root);
  const at = (place: string): string => place.replaceAll(root, home);
  const real = path.join(path.dirname(folder), 'real');
  await mkdir(real, { recursive: true });
  for (const name of await readdir(folder)) {
    const program = path.join(folder, name);
    if (programs.test(name) || name === 'pgbouncer') {
      await copyFile(program, path.join(real, name));
      const words = [at(loader), '--argv0', at(program), '--library-path', at(libraries), at(path.join(real, name))];
      await rm(program);
      await writeFile(program, `#!/bin/sh\nexec ${words.join(' ')} "$@"\n`);
      await chmod(program, 0o755);
    }
  }
}

/** Unpacks `packages` of `suite` into the cache as `name` unless they are there; safe with many callers at once. */
async function cached(name: string, packages: readonly string[], suite: string, binaries: string): Promise<string> {
  const home = path.join(cacheFolder(), `${name}-v1`);
  if (await exists(home)) return path.join(home, binaries);
  await mkdir(cacheFolder(), { recursive: true, mode: 0o755 });
  const root = await mkdtemp(path.join(cacheFolder(), `.${name}-`));
  try {
    await chmod(root, 0o755);
    await thrice(() => unpack(packages, suite, root));
    await rm(path.join(root, path.dirname(binaries), 'lib/llvmjit.so'), { force: true });
    await wrapPrograms(path.join(root, binaries), root, home);
    await rename(root, home).catch(async (error: unknown) => {
      if (!(await exists(home))) throw error; // else another caller was faster, and its tree is as good as ours
    });
  } finally {
    await rm(root, { recursive: true, force: true });
  }
  return path.join(home, binaries);
}

/** The folder with initdb, postgres, pg_dump, psql of one major version, fetched from Debian when it isn't there. */
export async function postgresBinDir(version: PostgresMajor): Promise<string> {
  const system = `/usr/lib/postgresql/${version}/bin`;
  if (await exists(path.join(system, 'initdb'))) return system;
  const packages = [`postgresql-${version}`, `postgresql-client-${version}`];
  return cached(`postgresql-${version}`, packages, suites[version], `usr/lib/postgresql/${version}/bin`);
}

/** The pgbouncer program, fetched from Debian when it isn't there. */
export async function pgbouncerProgram(): Promise<string> {
  if (await exists('/usr/sbin/pgbouncer')) return '/usr/sbin/pgbouncer';
  return path.join(await cached('pgbouncer', ['pgbouncer'], 'trixie', 'usr/sbin'), 'pgbouncer');
}
