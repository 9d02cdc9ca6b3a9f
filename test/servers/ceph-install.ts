import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { homedir, tmpdir, userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { thrice } from './thrice.ts';

const run = promisify(execFile);

/** Debian's release with Ceph 20. */
const suite = 'forky';

/** What the daemons' packages depend on, but a server on the loopback interface never calls. */
const unneeded = new RegExp(
  `^(${[
    'adduser|apt|base-(files|passwd)|bash|binutils.*|bsdutils|ceph-volume|coreutils|cryptsetup-bin|dash|debconf',
    'debianutils|diffutils|dmeventd|dmidecode|dmsetup|dpkg|e2fsprogs|findutils|gawk|gcc-.*-base|gdisk|grep|gzip|hdparm',
    'hostname|init-system-helpers|libacl1|libapparmor1|libattr1|libaudit.*|libbabeltrace1|libbinutils|libc-bin',
    'libcephfs2|libcryptsetup12|libctf.*|libdebconfclient0|libdevmapper.*|libdw1.*|libedit2|libelf1.*|libext2fs.*',
    'libglib2.*|libgprofng0|libinih1|libip4tc2|libjansson4|libjson-c5|liblvm2cmd.*|libmount1|libnbd0|libncurses6',
    'libnvme.*|libpam.*|libparted.*|libproc2.*|librbd1|libradosstriper1|librgw2|libseccomp2|libselinux1|libsemanage.*',
    'libsepol2|libsframe.*|libsmartcols1|libss2|libsystemd.*|libxml2.*|linux-sysctl-defaults|logrotate|login.*|logsave',
    'lvm2|mawk|media-types|mount|ncurses-.*|netbase|nvme-cli|openssl.*|parted|passwd|perl-base|popt|procps|psmisc',
    'python3-(cephfs|rbd|rgw|requests|certifi|chardet|charset-normalizer|idna|urllib3|cherrypy3|setuptools)',
    'python3-(pkg-resources|cryptography|packaging)|sed|smartmontools|sqv|sudo|systemd.*|sysvinit-utils|tar',
    'thin-provisioning-tools|tzdata.*|ucf|udev|util-linux|uuid-runtime|xfsprogs',
  ].join('|')})$`,
);

const excluded = [
  ...['doc', 'man', 'locale', 'zoneinfo'].map((name) => `./usr/share/${name}`),
  './lib/systemd',
  ...['*-tool', 'cephfs-*', 'rbd*', 'radosgw-[eo]*', 'ceph-syn'].map((name) => `./usr/bin/${name}`),
];

/** Where what the tests download is kept between runs. */
export const cacheFolder = (): string =>
  process.env['HOLDFAST_TEST_CACHE'] ?? join(homedir(), '.cache', 'holdfast-test');

/** The address of the Debian mirror that this machine uses. */
async function mirror(): Promise<string> {
  const folder = '/etc/apt/sources.list.d';
  const files = ['/etc/apt/sources.list', ...(await readdir(folder)).map((name) => join(folder, name))];
  for (const file of files) {
    const text = existsSync(file) ? await readFile(file, 'utf8') : '';
    const found = /^(?:URIs: |deb (?:\[[^\]]*\] )?)(https?:\/\/\S+\/debian)\/?(?:\s|$)/m.exec(text)?.[1];
    if (found !== undefined) return found;
  }
  throw new Error('no Debian mirror in /etc/apt: the S3 server of the tests comes from Debian');
}

/** A set-up of apt that leaves the machine's own alone. Returns the environment to run apt-get with. */
async function privateApt(folder: string): Promise<NodeJS.ProcessEnv> {
  for (const name of ['lists/partial', 'cache/archives/partial', 'etc/preferences.d', 'etc/apt.conf.d', 'log'])
    await mkdir(join(folder, name), { recursive: true });
  await writeFile(join(folder, 'status'), '');
  const source = `deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] ${await mirror()} ${suite} main\n`;
  await writeFile(join(folder, 'sources.list'), source);
  const settings = {
    'Dir::Etc': join(folder, 'etc'),
    'Dir::Etc::sourcelist': join(folder, 'sources.list'),
    'Dir::State': folder,
    'Dir::State::Lists': join(folder, 'lists'),
    'Dir::State::status': join(folder, 'status'),
    'Dir::Cache': join(folder, 'cache'),
    'Dir::Log': join(folder, 'log'),
    'Debug::NoLocking': 'true',
    'APT::Sandbox::User': userInfo().username,
    'APT::Install-Recommends': 'false',
    'Acquire::Languages': 'none',
    'Acquire::Retries': '3',
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name} "${value}";\n`);
  await writeFile(join(folder, 'apt.conf'), lines.join(''));
  return { ...process.env, LC_ALL: 'C', APT_CONFIG: join(folder, 'apt.conf') };
}

async function updateLists(env: NodeJS.ProcessEnv): Promise<void> {
  const args = ['update', '-qq', '--error-on=any'];
  try {
    await run('apt-get', args, { env });
  } catch {
    // A mirror that is frozen in time serves lists that have expired; their signatures are still checked.
    await run('apt-get', [...args, '-o', 'Acquire::Check-Valid-Until=false'], { env });
  }
}

async function unpack(archives: string, destination: string): Promise<void> {
  const script = 'dpkg-deb --fsys-tarfile "$1" | tar -x -C "$2" --no-same-owner "${@:3}"';
  const options = excluded.map((pattern) => `--exclude=${pattern}`);
  for (const name of (await readdir(archives)).filter((file) => file.endsWith('.deb')))
    await run('bash', ['-o', 'pipefail', '-c', script, 'unpack', join(archives, name), destination, ...options]);
}

/**
 * Unpacks Debian's Ceph (a real S3 server) into the cache and returns its folder. Needs no root and installs nothing:
 * about 106 MB are downloaded the first time. May be called at the same time by several processes.
 */
export async function installCeph(): Promise<string> {
  const destination = join(cacheFolder(), `ceph-${suite}`);
  if (!existsSync(destination)) await thrice(() => downloadCeph(destination));
  return destination;
}

async function downloadCeph(destination: string): Promise<void> {
  const apt = await mkdtemp(join(tmpdir(), 'holdfast-apt-'));
  const unfinished = `${destination}.${randomUUID()}`;
  try {
    const env = await privateApt(apt);
    await updateLists(env);
    const wanted = ['install', '-s', 'radosgw', 'ceph-mon', 'ceph-osd', 'ceph-common'];
    const { stdout } = await run('apt-get', wanted, { env, maxBuffer: 1 << 26 });
    const names = [...stdout.matchAll(/^Inst (\S+)/gm)]
      .map((match) => match[1]!)
      .filter((name) => !unneeded.test(name));
    const archives = join(apt, 'cache', 'archives');
    await run('apt-get', ['download', '-qq', ...names], { env, cwd: archives });
    await mkdir(unfinished, { recursive: true });
    await unpack(archives, unfinished);
    await mkdir(dirname(destination), { recursive: true });
    await rename(unfinished, destination).catch((error: unknown) => {
      if (!existsSync(destination)) throw error; // else another process was faster
    });
  } finally {
    await rm(apt, { recursive: true, force: true });
    await rm(unfinished, { recursive: true, force: true });
  }
}
