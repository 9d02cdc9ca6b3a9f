import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { S3Server } from '../servers/s3.ts';
import {
  runHoldfast,
  startHoldfast,
  type EndedHoldfast,
  type HoldfastOptions,
  type RunningHoldfast,
} from './holdfast.ts';
import { s3Environment } from './s3-environment.ts';
import { bucketContent } from './s3-objects.ts';
import { scratchFolder } from './scratch.ts';

/** A JSON line of the log. */
export interface LoggedEvent {
  readonly event: string;
  readonly level: string;
  readonly path?: string;
  readonly key?: string;
  readonly status?: string;
  readonly [field: string]: unknown;
}

export interface LoggedRun extends EndedHoldfast {
  readonly events: readonly LoggedEvent[];
}

/** Each line of stdout, which must be JSON. */
export function eventsOf(stdout: string): LoggedEvent[] {
  const lines = stdout.split('\n').filter(Boolean);
  return lines.map((line) => JSON.parse(line) as LoggedEvent);
}

/** What the events of one name say in one field, in order of their text. */
export function told(run: LoggedRun, event: string, field = 'path'): string[] {
  return run.events
    .filter((line) => line.event === event)
    .map((line) => String(line[field]))
    .sort();
}

/** The service of a document that mirrors the folders "data" and "logs" into a bucket, in a container of its own. */
export interface Portal {
  /** The working directory, in which the configuration lies. */
  readonly folder: string;
  readonly data: string;
  readonly logs: string;
  readonly bucket: string;
  readonly env: Readonly<Record<string, string>>;
  /** The key of a file: the prefix and its absolute path. */
  keyOf(path: string, prefix?: string): string;
  /** Everything in the bucket. */
  keys(): Promise<readonly string[]>;
  start(args: readonly string[], options?: HoldfastOptions): RunningHoldfast;
  /** `holdfast backup` with these arguments in the working directory. */
  backup(args: readonly string[], options?: HoldfastOptions): Promise<LoggedRun>;
}

const document = new URL('../fixtures/documents/backup_config.yaml', import.meta.url);

/** The document's configuration as it stands there, but for the bucket and the paths. */
export async function portalYaml(bucket: string, data: string, logs: string): Promise<string> {
  const text = await readFile(document, 'utf8');
  const changed = text.replace('document-portal-s3', bucket).replace('"/data"', `"${data}"`);
  return changed.replace('"/logs"', `"${logs}"`);
}

/** Makes the folders, with a file in each, the configuration, and a bucket. */
export async function makePortal(
  t: { after(clean: () => Promise<void>): void },
  s3: S3Server,
  through?: string,
): Promise<Portal> {
  const folder = await scratchFolder(t);
  const [data, logs] = [join(folder, 'volumes/data'), join(folder, 'volumes/logs')];
  await mkdir(join(data, 'reports'), { recursive: true });
  await mkdir(logs);
  await writeFile(join(data, 'example.txt'), 'hello\n');
  await writeFile(join(data, 'reports/2026.txt'), 'annual report\n');
  await writeFile(join(logs, 'portal.log'), 'started\n');
  const bucket = await s3.createBucket();
  await writeFile(join(folder, 'backup_config.yaml'), await portalYaml(bucket, data, logs));
  const env = s3Environment(s3, through);
  const inFolder = (options: HoldfastOptions = {}): HoldfastOptions => ({
    cwd: folder,
    ...options,
    env: { ...env, ...options.env },
  });
  return {
    folder,
    data,
    logs,
    bucket,
    env,
    keyOf: (path, prefix = 'backups/') => `${prefix}${path.slice(1)}`,
    keys: async () => (await bucketContent(s3, bucket)).keys,
    start: (args, options) => startHoldfast(['backup', ...args], inFolder(options)),
    backup: async (args, options) => {
      const result = await runHoldfast(['backup', ...args], inFolder(options));
      return { ...result, events: eventsOf(result.stdout) };
    },
  };
}

/** The arguments of the document's commands: its one-shot run. */
export const oneShot: readonly string[] = ['--config', 'backup_config.yaml', '--once'];

/** Runs it once, well, and says which files were uploaded. */
export async function uploadsOf(portal: Portal, args = oneShot, options?: HoldfastOptions): Promise<string[]> {
  const run = await portal.backup(args, options);
  assert.equal(run.status, 0, `${run.stdout}\n${run.stderr}`);
  assert.equal(run.events.at(-1)?.event, 'backup_completed');
  return told(run, 'file_uploaded').map((path) => `/${path}`);
}
