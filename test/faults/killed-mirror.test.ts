import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { startHoldfast, type HoldfastOptions } from '../e2e/holdfast.ts';
import { portalYaml } from '../e2e/portal.ts';
import { s3Environment } from '../e2e/s3-environment.ts';
import { filesIn, holdfast, scratchFolder } from '../e2e/scratch.ts';
import { withClockOff } from '../e2e/wrapped.ts';
import { ChangingTree } from '../fixtures/changing-tree.ts';
import { compareTrees } from '../fixtures/compare-trees.ts';
import { seededRandom } from '../servers/fault-proxy.ts';
import { sharedS3Server, type S3Server } from '../servers/s3.ts';
import { seed, soakFactor } from '../soak-size.ts';
import { lookAtBucket, lookAtFolder, type LookAt } from './leftovers.ts';

const killsPerStore = 25 * soakFactor;
const minutes = 60_000;

let s3: S3Server;
before(async () => void (s3 = await sharedS3Server()));
after(() => s3.stop());

interface KilledMirror {
  readonly config: string;
  /** The program's working directory is its own, with the configuration in it. */
  readonly options: HoldfastOptions & { readonly cwd: string };
  readonly tree: ChangingTree;
  /** Where the tree stands below what is restored. */
  readonly below: string;
  readonly look: LookAt;
  readonly random: () => number;
  /** Runs it when what the dead have left is old enough to be of nobody. */
  readonly later?: () => Promise<void>;
}

const backupArgs = ({ config }: KilledMirror): string[] => ['backup', '--config', config, '--once'];

async function restore({ config, options, below }: KilledMirror): Promise<string> {
  const target = join(options.cwd, 'restored');
  await rm(target, { recursive: true, force: true });
  await holdfast(['restore', 'latest', '--config', config, '--target', target], options);
  return join(target, below);
}

/** What is restored now is, file by file, what the source had at some time, and nothing is damaged. */
async function assertWasTrue(mirror: KilledMirror): Promise<void> {
  const { config, options, tree } = mirror;
  const restored = await restore(mirror);
  const files = await filesIn(restored);
  assert.ok(files.length > 0, 'nothing came back');
  for (const name of files) assert.ok(await tree.had(name, join(restored, name)), `${name} was never like that`);
  const { stdout } = await holdfast(['verify', '--read-data', '--config', config, '--json'], options);
  const { restorePoints } = JSON.parse(stdout) as { restorePoints: { findings: unknown[] }[] };
  assert.deepEqual(
    restorePoints.map(({ findings }) => findings),
    [[]],
  );
}

/** Kills runs at random moments of their lives. Returns how many died of it. */
async function killRuns(mirror: KilledMirror, durationMs: number): Promise<number> {
  let killed = 0;
  for (let round = 0; round < killsPerStore; round += 1) {
    await mirror.tree.change();
    const running = startHoldfast(backupArgs(mirror), mirror.options);
    await delay(mirror.random() * durationMs);
    running.kill('SIGKILL');
    const { signal, status, stdout, stderr } = await running.ended;
    if (signal === 'SIGKILL') killed += 1;
    else assert.equal(status, 0, `${stdout}\n${stderr}`);
    await assertWasTrue(mirror);
  }
  return killed;
}

/** In the end nothing stands in the store but the manifest and files that the tree had at some time. */
async function killAndLook(mirror: KilledMirror, manifestKey: string, prefix: string): Promise<void> {
  const { tree, options, look } = mirror;
  await tree.change();
  const startedMs = performance.now();
  await holdfast(backupArgs(mirror), options);
  assert.ok((await killRuns(mirror, performance.now() - startedMs)) > 0, 'every run ended before its kill');

  await tree.change();
  await holdfast(backupArgs(mirror), options);
  assert.deepEqual(await compareTrees(tree.path, await restore(mirror)), []);
  await mirror.later?.();
  // Nothing that the dead runs were about to write is left: no journal, no unfinished upload, no lock.
  const others = (await look()).filter((key) => !(key.startsWith(prefix) && tree.hadFile(key.slice(prefix.length))));
  assert.deepEqual(others, [manifestKey]);
}

/** What lies in the working directory beside what a restore made. */
const ownFiles = async (folder: string): Promise<string[]> =>
  (await filesIn(folder)).filter((file) => !/^(restored|tree|mirror)\//.test(file));

const nativeYaml = (folder: string): string => `
stores:
  disk: { type: local, path: ${folder}/mirror }
vaults:
  mirror: { type: mirror, store: disk, delete: true }
jobs:
  files:
    sources: [{ type: directory, path: ${folder}/tree, name: files }]
    vaults: [mirror]
`;

describe(
  `after a kill at any moment, ${killsPerStore} times, a mirror restores to what was true, and the next run ends right:`,
  { concurrency: true, timeout: 15 * minutes * soakFactor },
  () => {
    test('on a disk', async (t) => {
      const cwd = await scratchFolder(t);
      const random = seededRandom(seed);
      const tree = new ChangingTree(join(cwd, 'tree'), random);
      await writeFile(join(cwd, 'holdfast.yaml'), nativeYaml(cwd));
      const look = lookAtFolder(join(cwd, 'mirror'));
      const later = async (): Promise<void> => {
        const run = await withClockOff('+8d', ['backup'], { cwd, env: { NO_FAKE_STAT: '1' } });
        assert.equal(run.status, 0, run.stderr);
      };
      const mirror = { config: 'holdfast.yaml', options: { cwd }, tree, below: '', look, random, later };
      await killAndLook(mirror, 'files.manifest.json', 'files/');
      const wanted = (await filesIn(tree.path)).map((name) => `files/${name}`);
      assert.deepEqual((await look()).toSorted(), ['files.manifest.json', ...wanted].toSorted());
      assert.deepEqual(await ownFiles(cwd), ['holdfast.yaml']);
    });

    test('on S3', async (t) => {
      const cwd = await scratchFolder(t);
      const random = seededRandom(seed + 1);
      const tree = new ChangingTree(join(cwd, 'tree'), random);
      const bucket = await s3.createBucket();
      const yaml = await portalYaml(bucket, tree.path, '/logs');
      await writeFile(join(cwd, 'backup_config.yaml'), yaml.replace(/\n.*"\/logs"/, ''));
      const options = { cwd, env: s3Environment(s3) };
      const look = lookAtBucket(s3, bucket);
      const mirror = { config: 'backup_config.yaml', options, tree, below: tree.path, look, random };
      await killAndLook(mirror, 'backups/.backup_manifest.json', `backups${tree.path}/`);
      assert.deepEqual(await ownFiles(cwd), ['.backup_manifest.json', 'backup_config.yaml']);
    });
  },
);
