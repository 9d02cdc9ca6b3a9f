/** A repository beside restic's, on the same trees: backup, restore, check and prune, on a disk and in S3. */
import { randomFillSync } from 'node:crypto';
import { closeSync, globSync, mkdirSync, openSync, statSync, writeSync } from 'node:fs';
import { cp, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { CopyObjectCommand, paginateListObjectsV2 } from '@aws-sdk/client-s3';
import { MiB } from '../src/base/bytes.ts';
import { forEachConcurrently } from '../src/base/concurrency.ts';
import { type S3Server, startS3Server } from '../test/servers/s3.ts';
import { dumpLikeText } from './dump-like-text.ts';
import { holdfast } from './holdfast-command.ts';
import { compare, measure } from './measure.ts';

function writeRandomFile(tree: string): void {
  const block = Buffer.allocUnsafe(MiB);
  const fd = openSync(join(tree, 'random.bin'), 'w');
  for (let written = 0; written < 1024; written += 1) writeSync(fd, randomFillSync(block));
  closeSync(fd);
}

function writeTextFile(tree: string): void {
  const fd = openSync(join(tree, 'dump.sql'), 'w');
  for (let part = 0; part < 300; part += 1) writeSync(fd, dumpLikeText(2_000_000, part));
  closeSync(fd);
}

function writeSmallFiles(tree: string, count: number): void {
  const content = Buffer.allocUnsafe(4096);
  for (let index = 0; index < count; index += 1) {
    const folder = join(tree, `folder-${Math.floor(index / 100)}`);
    if (index % 100 === 0) mkdirSync(folder);
    const fd = openSync(join(folder, `file-${index}`), 'w');
    writeSync(fd, randomFillSync(content));
    closeSync(fd);
  }
}

const trees: Readonly<Record<string, (tree: string) => void>> = {
  '1 GiB random in one file': writeRandomFile,
  '600 MB dump-like text in one file': writeTextFile,
  '50 000 files of 4 KB': (tree) => writeSmallFiles(tree, 50_000),
};

type Step = 'init' | 'backup' | 'restore' | 'check' | 'prune';

/** A program that keeps a repository: its steps as lines for bash. */
interface Contender {
  readonly name: string;
  readonly lines: Readonly<Record<Step, string>>;
  readonly place: Place;
}

/** Where a contender has its repository. */
interface Place {
  /** The repository is gone afterwards. */
  readonly empty: () => Promise<void>;
  /** Keeps the repository as it is; the function that it resolves to brings it back as often as it is called. */
  readonly keep: () => Promise<() => Promise<void>>;
}

interface Folders {
  readonly tree: string;
  readonly target: string;
}

function contender(name: string, call: string, { tree, target }: Folders, place: Place): Contender {
  return {
    name,
    place,
    lines: {
      init: `${call} init`,
      backup: `${call} backup ${tree}`,
      // Into a new folder each time: a file system that has just deleted many files is slow to make new ones.
      restore: `${call} restore latest --target ${target}/$(date +%s%N)`,
      check: `${call} check --read-data`,
      prune: `${call} forget --keep-last 1 --prune`,
    },
  };
}

const run = (one: Contender, step: Step): Promise<unknown> => measure({ name: one.name, line: one.lines[step] });

async function beginAnew(one: Contender): Promise<void> {
  await one.place.empty();
  await run(one, 'init');
}

/** Times one step of both in turn; `prepare` is done before each, untimed. */
async function compareStep(
  title: string,
  step: Step,
  { contenders, prepare }: { contenders: readonly Contender[]; prepare?: (one: Contender) => Promise<void> },
): Promise<void> {
  const [peer, ours] = contenders.map((one) => ({
    name: one.name,
    line: one.lines[step],
    ...(prepare && { prepare: () => prepare(one) }),
  }));
  await compare(title, peer!, [ours!]);
}

const remove = (path: string): Promise<void> => rm(path, { recursive: true, force: true });

async function compareSteps(what: string, contenders: readonly Contender[], { target }: Folders): Promise<void> {
  await compareStep(`${what}: first backup`, 'backup', { contenders, prepare: beginAnew });
  await compareStep(`${what}: nothing changed`, 'backup', { contenders });
  await compareStep(`${what}: restore`, 'restore', { contenders });
  await compareStep(`${what}: check --read-data`, 'check', { contenders });
  await remove(target);
}

/** Two snapshots that have half of their data in common; the older one is forgotten. */
async function comparePrune(what: string, contenders: readonly Contender[], folders: Folders): Promise<void> {
  for (const one of contenders) {
    await beginAnew(one);
    await run(one, 'backup');
  }
  rewriteHalf(folders.tree);
  for (const one of contenders) await run(one, 'backup');
  const kept = new Map<Contender, () => Promise<void>>();
  for (const one of contenders) kept.set(one, await one.place.keep());
  const prepare = async (one: Contender): Promise<void> => kept.get(one)?.();
  await compareStep(`${what}: prune after forgetting half`, 'prune', { contenders, prepare });
}

/** New content for every second MiB, or for every second small file. */
function rewriteHalf(tree: string): void {
  const files = globSync('**/*', { cwd: tree, withFileTypes: true }).filter((entry) => entry.isFile());
  for (const [index, { parentPath, name }] of files.entries()) {
    if (files.length > 1 && index % 2 === 0) continue;
    const path = join(parentPath, name);
    const { size } = statSync(path);
    const fd = openSync(path, 'r+');
    for (let at = 0; at < size; at += 2 * MiB)
      writeSync(fd, randomFillSync(Buffer.alloc(Math.min(MiB, size - at))), 0, undefined, at);
    closeSync(fd);
  }
}

function placeOnDisk(path: string): Place {
  const saved = `${path}-saved`;
  const empty = (): Promise<void> => remove(path);
  const keep: Place['keep'] = async () => {
    await remove(saved);
    await cp(path, saved, { recursive: true });
    return async () => {
      await empty();
      await cp(saved, path, { recursive: true });
    };
  };
  return { empty, keep };
}

async function benchOnDisk(scratch: string, what: string, folders: Folders): Promise<void> {
  const contenders = (
    [
      ['restic', 'restic -q'],
      ['holdfast', `${holdfast} --quiet`],
    ] as const
  ).map(([name, program]) => {
    const path = join(scratch, `repository-${name}`);
    return contender(name, `RESTIC_PASSWORD=secret ${program} -r ${path}`, folders, placeOnDisk(path));
  });
  await compareSteps(`${what}, on a disk`, contenders, folders);
  await comparePrune(`${what}, on a disk`, contenders, folders);
  for (const { place } of contenders) await place.empty();
  for (const path of globSync(join(scratch, 'repository-*-saved'))) await remove(path);
}

/** Copies of objects share their memory in the server, but for the first 4 MiB of each. */
async function copyPrefix(
  server: S3Server,
  bucket: string,
  { from, to }: Readonly<Record<'from' | 'to', string>>,
): Promise<void> {
  const client = server.client();
  try {
    for await (const { Contents = [] } of paginateListObjectsV2({ client }, { Bucket: bucket, Prefix: `${from}/` }))
      await forEachConcurrently(Contents, 16, async ({ Key = '' }) => {
        const CopySource = `${bucket}/${Key}`;
        await client.send(new CopyObjectCommand({ Bucket: bucket, Key: to + Key.slice(from.length), CopySource }));
      });
  } finally {
    client.destroy();
  }
}

/** The prefix is in `prefixFile`: each repository has a new one, as nothing that is deleted makes room. */
function placeInS3(server: S3Server, bucket: string, prefixFile: string): Place {
  let prefix = '';
  let count = 0;
  const empty = async (): Promise<void> => {
    prefix = `${basename(prefixFile)}-${(count += 1)}`;
    await writeFile(prefixFile, prefix);
  };
  const keep: Place['keep'] = async () => {
    const from = prefix;
    return async () => {
      await empty();
      await copyPrefix(server, bucket, { from, to: prefix });
    };
  };
  return { empty, keep };
}

async function withS3(
  scratch: string,
  folders: Folders,
  work: (contenders: readonly Contender[]) => Promise<void>,
): Promise<void> {
  const server = await startS3Server(); // one for each: nothing is deleted, and it has but so much room
  try {
    const { accessKey, secretKey, region, tlsEndpoint, caFile } = server;
    const access = `AWS_ACCESS_KEY_ID=${accessKey} AWS_SECRET_ACCESS_KEY=${secretKey} AWS_DEFAULT_REGION=${region}`;
    const bucket = await server.createBucket();
    const contenders = (
      [
        ['restic', `restic -q --cacert ${caFile} -o s3.bucket-lookup=path`],
        ['holdfast', `${holdfast} --quiet --cacert ${caFile}`],
      ] as const
    ).map(([name, program]) => {
      const prefixFile = join(scratch, `prefix-${name}`);
      const address = `s3:${tlsEndpoint}/${bucket}/$(cat ${prefixFile})`;
      const call = `${access} RESTIC_PASSWORD=secret ${program} -r ${address}`;
      return contender(name, call, folders, placeInS3(server, bucket, prefixFile));
    });
    await work(contenders);
  } finally {
    await server.stop();
  }
}

async function benchInS3(scratch: string, what: string, folders: Folders): Promise<void> {
  await withS3(scratch, folders, (contenders) => compareSteps(`${what}, in S3`, contenders, folders));
  await withS3(scratch, folders, (contenders) => comparePrune(`${what}, in S3`, contenders, folders));
}

type Bench = (what: string, folders: Folders) => Promise<void>;

async function withEachTree(scratch: string, bench: Bench): Promise<void> {
  for (const [what, write] of Object.entries(trees)) {
    const folders = { tree: join(scratch, 'tree'), target: join(scratch, 'restored') };
    mkdirSync(folders.tree);
    write(folders.tree);
    await bench(what, folders);
    await remove(folders.tree);
  }
}

/** What ten times the files cost: a first backup of 50 000 and of 500 000. */
async function benchGrowth(scratch: string): Promise<void> {
  const repository = join(scratch, 'repository-growth');
  const call = `RESTIC_PASSWORD=secret ${holdfast} --quiet -r ${repository}`;
  const times: number[] = [];
  for (const count of [50_000, 500_000]) {
    const tree = join(scratch, `tree-${count}`);
    mkdirSync(tree);
    writeSmallFiles(tree, count);
    await measure({ name: 'init', line: `${call} init` });
    const { wallSeconds, peakBytes } = await measure({ name: 'backup', line: `${call} backup ${tree}` });
    times.push(wallSeconds);
    console.log(`${count} files: ${wallSeconds.toFixed(2)} s, peak ${Math.round(peakBytes / MiB)} MiB`);
    await remove(repository);
    await remove(tree);
  }
  console.log(`10 times the files take ${((times[1] ?? 0) / (times[0] ?? 1)).toFixed(1)} times the time\n`);
}

/** The three trees against restic, with its default options, each program in a repository of its own. */
export async function benchRepository(scratch: string): Promise<void> {
  await withEachTree(scratch, (what, folders) => benchOnDisk(scratch, what, folders));
  await benchGrowth(scratch);
  await withEachTree(scratch, (what, folders) => benchInS3(scratch, what, folders));
}
