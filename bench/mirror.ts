/** A mirror of many small files, beside rclone: the first upload, and a run that finds nothing changed. */
import { randomFillSync } from 'node:crypto';
import { globSync, readFileSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type S3Server, startS3Server } from '../test/servers/s3.ts';
import { holdfast } from './holdfast-command.ts';
import { compare } from './measure.ts';

const files = 50_000;
const filesPerFolder = 100;
const fileBytes = 4096;

async function writeSmallFiles(tree: string): Promise<void> {
  const content = Buffer.alloc(fileBytes);
  for (let index = 0; index < files; index += 1) {
    const folder = join(tree, `folder-${Math.floor(index / filesPerFolder)}`);
    if (index % filesPerFolder === 0) await mkdir(folder, { recursive: true });
    await writeFile(join(folder, `file-${index}`), randomFillSync(content));
  }
}

/** What to run, and how to begin from nothing. */
interface Contender {
  readonly name: string;
  readonly line: string;
  readonly empty: () => Promise<void>;
}

/** Reads all files: rclone has the system forget what it has read, and whoever comes next would wait for the disk. */
function warm(tree: string): void {
  const files = globSync('**/*', { cwd: tree, withFileTypes: true }).filter((entry) => entry.isFile());
  for (const { parentPath, name } of files) readFileSync(join(parentPath, name));
}

async function compareBoth(where: string, tree: string, [peer, ours]: readonly [Contender, Contender]): Promise<void> {
  const first = ({ name, line, empty }: Contender) => ({
    name,
    line,
    prepare: async () => {
      await empty();
      warm(tree);
    },
  });
  await compare(`mirror of ${files} files of 4 KB to ${where}, first upload`, first(peer), [first(ours)]);
  await compare(`mirror of ${files} files of 4 KB to ${where}, nothing changed`, peer, [ours]);
}

const configuration = (tree: string, store: object): string =>
  JSON.stringify({
    stores: { there: store },
    vaults: { mirror: { type: 'mirror', store: 'there' } },
    jobs: { small: { sources: [{ type: 'directory', path: tree }], vaults: ['mirror'] } },
  });

/**
 * Each first upload goes to a folder that was never there: some file systems look through all that was deleted a moment
 * ago for each file that they make.
 */
async function benchLocal(scratch: string, tree: string): Promise<void> {
  const folders: string[] = [];
  const newFolder = (): string => {
    const path = join(scratch, `mirror-${folders.length}`);
    folders.push(path);
    return path;
  };
  const file = join(scratch, 'local.yaml');
  const peerFolder = join(scratch, 'peer-folder');
  await compareBoth('a disk', tree, [
    {
      name: 'rclone sync',
      line: `rclone sync ${tree} $(cat ${peerFolder})`,
      empty: () => writeFile(peerFolder, newFolder()),
    },
    {
      name: 'holdfast',
      line: `${holdfast} backup --config ${file}`,
      empty: () => writeFile(file, configuration(tree, { type: 'local', path: newFolder() })),
    },
  ]);
  for (const path of folders) await rm(path, { recursive: true, force: true });
}

async function benchS3(scratch: string, tree: string, server: S3Server): Promise<void> {
  const { endpoint, region, accessKey, secretKey } = server;
  const file = join(scratch, 's3.yaml');
  const peerFile = join(scratch, 'rclone.conf');
  const remote = {
    type: 's3',
    provider: 'Ceph',
    endpoint,
    region,
    access_key_id: accessKey,
    secret_access_key: secretKey,
  };
  await writeFile(
    peerFile,
    ['[there]', ...Object.entries(remote).map(([key, value]) => `${key} = ${value}`)].join('\n'),
  );
  let bucket = await server.createBucket();
  let peerBucket = await server.createBucket();
  const write = (): Promise<void> =>
    writeFile(
      file,
      configuration(tree, { type: 's3', bucket, endpoint, region, accessKeyId: accessKey, secretAccessKey: secretKey }),
    );
  await write();
  const bucketFile = join(scratch, 'peer-bucket');
  await writeFile(bucketFile, peerBucket);
  await compareBoth('S3', tree, [
    {
      name: 'rclone sync',
      line: `env -u AWS_CA_BUNDLE rclone --config ${peerFile} sync ${tree} there:$(cat ${bucketFile})`,
      empty: async () => {
        peerBucket = await server.createBucket();
        await writeFile(bucketFile, peerBucket);
      },
    },
    {
      name: 'holdfast',
      line: `${holdfast} backup --config ${file}`,
      empty: async () => {
        bucket = await server.createBucket();
        await write();
      },
    },
  ]);
}

/** 50 000 files of 4 KB, to a disk and to S3, against `rclone sync`. */
export async function benchMirror(scratch: string): Promise<void> {
  const tree = join(scratch, 'small-files');
  await writeSmallFiles(tree);
  await benchLocal(scratch, tree);
  const server = await startS3Server();
  try {
    await benchS3(scratch, tree, server);
  } finally {
    await server.stop();
    await rm(tree, { recursive: true });
  }
}
