import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { cephConfig, type CephPorts } from './ceph-config.ts';
import { installCeph } from './ceph-install.ts';

const run = promisify(execFile);
const startTimeoutMs = 120_000;

const machine =
  process.arch === 'arm64'
    ? { libraries: 'usr/lib/aarch64-linux-gnu', loader: 'ld-linux-aarch64.so.1' }
    : { libraries: 'usr/lib/x86_64-linux-gnu', loader: 'ld-linux-x86-64.so.2' };

export interface Account {
  readonly accessKey: string;
  readonly secretKey: string;
}

/** A running cluster, as others need to know it. */
export interface Ceph {
  readonly endpoint: string;
  readonly tlsEndpoint: string;
  readonly caFile: string;
  readonly accounts: readonly [Account, Account];
  readonly pids: readonly number[];
  stop(): Promise<void>;
}

/** Ports that were free a moment ago; all held at once, so that they differ. */
async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  await Promise.all(
    servers.map((server) => new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()))),
  );
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

const isOpen = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });

/** One cluster's folder, and the programs that run in it. */
class Cluster {
  readonly folder: string;
  private readonly root: string;
  private readonly libraries: string;
  private readonly children: ChildProcess[] = [];

  constructor(folder: string, root: string) {
    this.folder = folder;
    this.root = root;
    this.libraries = join(root, machine.libraries);
  }

  get pids(): number[] {
    return this.children.map(({ pid }) => pid!);
  }

  /** Debian's own loader runs the program: the machine's libraries don't matter. */
  private command(program: string, args: readonly string[]): [string, string[]] {
    const paths = `${this.libraries}:${this.libraries}/ceph`;
    return [
      join(this.libraries, machine.loader),
      ['--library-path', paths, join(this.root, 'usr/bin', program), ...args],
    ];
  }

  async run(program: string, ...args: readonly string[]): Promise<string> {
    const [file, all] = this.command(program, args);
    return (await run(file, all, { cwd: this.folder, env: { ...process.env, LC_ALL: 'C' } })).stdout;
  }

  /** The cluster's command line client, which is a Python program. */
  async ceph(...args: readonly string[]): Promise<void> {
    const python = readdirSync(join(this.root, 'usr/bin')).find((name) => /^python3\.\d+$/.test(name))!;
    const [file, all] = this.command(python, [join(this.root, 'usr/bin/ceph'), '-c', 'ceph.conf', ...args]);
    const PYTHONPATH = join(this.root, 'usr/lib/python3/dist-packages');
    const PYTHONHOME = join(this.root, 'usr');
    const env = { ...process.env, LC_ALL: 'C', PYTHONHOME, PYTHONPATH, PYTHONDONTWRITEBYTECODE: '1' };
    await run(file, all, { cwd: this.folder, env });
  }

  startDaemon(program: string, ...args: readonly string[]): void {
    this.spawn(program, ...this.command(program, args));
  }

  spawn(name: string, file: string, args: readonly string[]): void {
    const log = openSync(join(this.folder, 'log', `${name}.out`), 'a');
    const child = spawn(file, args, {
      cwd: this.folder,
      stdio: ['ignore', log, log],
      env: { ...process.env, LC_ALL: 'C' },
    });
    closeSync(log);
    child.unref();
    this.children.push(child);
  }

  async waitForPort(port: number, name: string): Promise<void> {
    const child = this.children.at(-1)!;
    for (let waitedMs = 0; waitedMs < startTimeoutMs; waitedMs += 20) {
      if (await isOpen(port)) return;
      if (child.exitCode !== null) break;
      await delay(20);
    }
    const log = readFileSync(join(this.folder, 'log', `${name}.out`), 'utf8');
    throw new Error(`${name} did not come up: ${log.slice(-2000)}`);
  }

  killAll(): void {
    for (const child of this.children) child.kill('SIGKILL');
  }

  /** Everything is in memory: nothing is lost by killing, and it is fast. */
  async stop(): Promise<void> {
    this.killAll();
    for (const child of this.children)
      if (child.exitCode === null && child.signalCode === null)
        await new Promise((resolve) => {
          child.ref();
          child.once('exit', resolve);
        });
    await rm(this.folder, { recursive: true, force: true });
  }
}

async function makeCertificates(folder: string): Promise<void> {
  const openssl = (...args: string[]): Promise<unknown> => run('openssl', args, { cwd: folder });
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  await openssl('req', '-x509', ...key, '-days', '30', '-subj', '/CN=test CA', '-keyout', 'ca.key', '-out', 'ca.crt');
  await openssl('req', ...key, '-subj', '/CN=localhost', '-keyout', 'tls.key', '-out', 'tls.csr');
  await writeFile(join(folder, 'names'), 'subjectAltName=DNS:localhost,IP:127.0.0.1');
  const signed = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '30', '-extfile', 'names'];
  await openssl('x509', '-req', '-in', 'tls.csr', ...signed, '-out', 'tls.crt');
}

async function makeKeyring(cluster: Cluster): Promise<void> {
  const add = async (name: string, ...capabilities: string[]): Promise<void> => {
    const caps = capabilities.flatMap((capability) => ['--cap', ...capability.split(/ (.*)/).slice(0, 2)]);
    await cluster.run('ceph-authtool', 'keyring', '--gen-key', '-n', name, ...caps);
  };
  await cluster.run('ceph-authtool', '--create-keyring', 'keyring');
  await add('mon.', 'mon allow *');
  await add('client.admin', 'mon allow *', 'osd allow *');
  await add('osd.0', 'mon allow profile osd', 'osd allow *');
  await add('client.rgw', 'mon allow rw', 'osd allow rwx');
}

async function startDaemons(cluster: Cluster, ports: CephPorts, fsid: string): Promise<void> {
  const config = join(cluster.folder, 'ceph.conf');
  const monitor = `[v2:127.0.0.1:${ports.monitor}]`;
  await cluster.run('monmaptool', '--create', '--fsid', fsid, '--addv', 'a', monitor, 'monmap', '--clobber');
  const mkfs = ['--mkfs', '-i', 'a', '--monmap', 'monmap', '--fsid', fsid, '--keyring', 'keyring'];
  await cluster.run('ceph-mon', '-c', 'ceph.conf', ...mkfs);
  const keyService = join(import.meta.dirname, 'ceph-key-service.ts');
  const keyArgs = [keyService, String(ports.keys), join(cluster.folder, 'keys.token')];
  cluster.spawn('key-service', process.execPath, keyArgs);
  await cluster.waitForPort(ports.keys, 'key-service');
  cluster.startDaemon('ceph-mon', '-c', config, '-i', 'a', '-f');
  const disk = randomUUID();
  await cluster.ceph('--connect-timeout', '60', 'osd', 'new', disk);
  await cluster.run('ceph-osd', '-c', 'ceph.conf', '-i', '0', '--mkfs', '--osd-uuid', disk);
  cluster.startDaemon('ceph-osd', '-c', config, '-i', '0', '-f');
  cluster.startDaemon('radosgw', '-c', config, '-n', 'client.rgw', '-f');
  await cluster.waitForPort(ports.http, 'radosgw');
}

async function createAccount(cluster: Cluster, name: string): Promise<Account> {
  const accessKey = `TEST${randomBytes(8).toString('hex').toUpperCase()}`;
  const secretKey = randomBytes(20).toString('hex');
  const keys = [`--access-key=${accessKey}`, `--secret=${secretKey}`];
  const who = [`--uid=${name}`, `--display-name=${name}`];
  await cluster.run('radosgw-admin', '-c', 'ceph.conf', '-n', 'client.rgw', 'user', 'create', ...who, ...keys);
  return { accessKey, secretKey };
}

const wasTaken = (error: unknown): boolean => /Address already in use|EADDRINUSE/.test(String(error));

/** Starts Ceph with an S3 gateway in memory, on free loopback ports, in a temporary folder. */
export async function startCeph(): Promise<Ceph> {
  for (let tries = 1; ; tries += 1)
    try {
      return await startCluster();
    } catch (error) {
      // Between the choice of a port and its use somebody else may get it.
      if (tries === 3 || !wasTaken(error)) throw error;
    }
}

async function startCluster(): Promise<Ceph> {
  const root = await installCeph();
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-ceph-'));
  for (const name of ['mon', 'osd', 'log', 'run']) await mkdir(join(folder, name));
  const [monitor, http, https, keys] = (await freePorts(4)) as [number, number, number, number];
  const ports = { monitor, http, https, keys };
  const cluster = new Cluster(folder, root);
  const killAll = (): void => cluster.killAll();
  process.once('exit', killAll);
  try {
    const config = cephConfig(folder, join(root, machine.libraries), ports);
    await writeFile(join(folder, 'ceph.conf'), config);
    // The gateway refuses a file of a token that others may read.
    await writeFile(join(folder, 'keys.token'), randomBytes(16).toString('hex'), { mode: 0o600 });
    await makeCertificates(folder);
    await makeKeyring(cluster);
    await startDaemons(cluster, ports, /^fsid = (.*)$/m.exec(config)![1]!);
    const accounts: [Account, Account] = [await createAccount(cluster, 'test1'), await createAccount(cluster, 'test2')];
    return {
      endpoint: `http://127.0.0.1:${http}`,
      tlsEndpoint: `https://127.0.0.1:${https}`,
      caFile: join(folder, 'ca.crt'),
      accounts,
      pids: cluster.pids,
      stop: async () => {
        process.off('exit', killAll);
        await cluster.stop();
      },
    };
  } catch (error) {
    process.off('exit', killAll);
    await cluster.stop();
    throw error;
  }
}
