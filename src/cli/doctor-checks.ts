import { access, constants, statfs } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { tmpdir } from 'node:os';
import { formatBytes, GiB } from '../base/bytes.ts';
import { HoldfastError, messageOf } from '../base/errors.ts';
import type { Environment, Job, VaultUse } from '../config/index.ts';
import { openSources, postgresLibrary } from '../source/index.ts';
import { openStore, probeStore } from '../store/index.ts';
import type { CliContext } from './context.ts';

/** One thing that was looked at. warn: something will be missing from backups or restores. fail: they will fail. */
export interface Finding {
  readonly about: string;
  readonly state: 'ok' | 'warn' | 'fail';
  readonly message: string;
  readonly remedy?: string;
}

const ok = (about: string, message: string): Finding => ({ about, state: 'ok', message });

function failed(about: string, error: unknown): Finding {
  const remedy = error instanceof HoldfastError ? error.hint : undefined;
  return { about, state: 'fail', message: messageOf(error), ...(remedy === undefined ? {} : { remedy }) };
}

async function isInstalled(program: string, environment: Environment): Promise<boolean> {
  for (const folder of (environment['PATH'] ?? '').split(delimiter)) {
    try {
      await access(join(folder, program), constants.X_OK);
      return true;
    } catch {
      // not in this folder
    }
  }
  return false;
}

/** What files need beyond Node.js: extended attributes, devices, owners. */
async function checkFileTools(environment: Environment): Promise<Finding[]> {
  const needs = [
    { program: 'getfattr', loss: 'extended attributes and ACLs are not backed up', packageName: 'attr' },
    { program: 'setfattr', loss: 'extended attributes and ACLs are not restored', packageName: 'attr' },
    { program: 'mknod', loss: 'devices and fifos are not restored', packageName: 'coreutils' },
  ];
  const findings = await Promise.all(
    needs.map(async ({ program, loss, packageName }): Promise<Finding> => {
      if (await isInstalled(program, environment)) return ok(program, 'installed');
      return { about: program, state: 'warn', message: `not installed: ${loss}`, remedy: `apt install ${packageName}` };
    }),
  );
  const root = process.getuid?.() === 0;
  const user: Finding = root
    ? ok('user', 'root: owners, devices and every file can be read and restored')
    : {
        about: 'user',
        state: 'warn',
        message: `user ${process.getuid?.() ?? '?'} is not root: files of others may be unreadable, owners are not restored`,
        remedy: 'Run as root, or give the program CAP_DAC_READ_SEARCH and CAP_CHOWN',
      };
  return [...findings, user];
}

async function checkPostgresTools(environment: Environment): Promise<Finding[]> {
  const { installedTools } = await postgresLibrary();
  const programs = ['pg_dump', 'pg_dumpall', 'pg_restore', 'psql'] as const;
  return Promise.all(
    programs.map(async (program): Promise<Finding> => {
      const tools = await installedTools({ program, env: environment });
      const versions = tools.map(({ version, path }) => `${version.text} (${path})`).join(', ');
      if (tools.length > 0) return ok(program, versions);
      return {
        about: program,
        state: 'warn',
        message: 'not installed: PostgreSQL can be neither backed up nor restored',
        remedy: 'apt install postgresql-client',
      };
    }),
  );
}

async function checkSpace(about: string, folder: string): Promise<Finding> {
  const { bavail, bsize } = await statfs(folder);
  const free = bavail * bsize;
  const message = `${formatBytes(free)} free in ${folder}`;
  if (free >= GiB) return ok(about, message);
  return { about, state: 'warn', message, remedy: 'Free some space, or use another disk' };
}

/** The machine itself. */
export async function checkMachine({ environment }: CliContext): Promise<Finding[]> {
  return [
    ok('node', process.version),
    ...(await checkFileTools(environment)),
    ...(await checkPostgresTools(environment)),
    await checkSpace('temporary folder', tmpdir()),
  ];
}

/** Writes, reads, lists and deletes a probe in a vault's store. */
export async function checkVault(use: VaultUse, { clock, logger, signal }: CliContext): Promise<Finding[]> {
  const about = `vault ${use.name}`;
  const store = await openStore(use.store, { clock, logger, retry: { attempts: 2 } });
  try {
    const capabilities = await probeStore(store, signal);
    const missing = Object.entries(capabilities).flatMap(([name, can]) => (can ? [] : [name]));
    const space = use.store.type === 'local' ? [await checkSpace(about, use.store.path)] : [];
    if (missing.length === 0)
      return [ok(about, `${store.label} can be written, read, listed and deleted from`), ...space];
    return [
      {
        about,
        state: 'warn',
        message: `${store.label} does not do: ${missing.join(', ')}`,
        remedy: 'Two runs at the same moment could overwrite each other: keep one machine per prefix',
      },
      ...space,
    ];
  } catch (error) {
    return [failed(about, error)];
  } finally {
    await store.close();
  }
}

/** Reaches each source of a job, without reading it. */
export async function checkSources(job: Job, { clock, logger, signal }: CliContext): Promise<Finding[]> {
  return Promise.all(
    job.sources.map(async (spec): Promise<Finding> => {
      const about = `job ${job.name}`;
      try {
        const sources = await openSources(spec, { clock, logger, signal });
        const absent = sources.flatMap((source) => source.absent ?? [])[0];
        if (absent) return failed(about, absent);
        return ok(about, sources.map(({ type, name }) => `${type} ${name}`).join(', '));
      } catch (error) {
        return failed(about, error);
      }
    }),
  );
}
