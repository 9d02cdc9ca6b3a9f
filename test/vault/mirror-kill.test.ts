import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { systemClock as clock } from '../../src/base/clock.ts';
import { silentLogger as logger } from '../../src/base/log.ts';
import { openStore, type StoreSpec } from '../../src/store/index.ts';
import { openVault, type Vault } from '../../src/vault/index.ts';
import { seededRandom } from '../servers/fault-proxy.ts';
import { sharedS3Server, type S3Server } from '../servers/s3.ts';
import { seed, soakFactor } from '../soak-size.ts';
import { s3Spec } from '../store/s3-spec.ts';

const killsPerStore = 25 * soakFactor;
const { signal } = new AbortController();

let s3: S3Server;
let scratch: string;

before(async () => {
  s3 = await sharedS3Server();
  scratch = await mkdtemp(join(tmpdir(), 'holdfast-mirror-kill-'));
});

after(async () => {
  await s3.stop();
  await rm(scratch, { recursive: true });
});

const digest = (content: Uint8Array): string => createHash('sha256').update(content).digest('hex');

/** A tree that changes from round to round, and remembers every state that each file ever had. */
class ChangingTree {
  readonly path: string;
  readonly now = new Map<string, string>();
  private readonly states = new Map<string, Set<string>>();
  private readonly random: () => number;

  constructor(path: string, random: () => number) {
    this.path = path;
    this.random = random;
  }

  async change(): Promise<void> {
    for (let index = 0; index < 120; index += 1) {
      const name = `d${index % 7}/f${index}`;
      const choice = this.random();
      if (choice < 0.1) await this.remove(name);
      else if (choice < 0.6 || !this.states.has(name)) await this.write(name, Math.floor(this.random() * 3000));
    }
    await this.write('large', 5_000_000 + Math.floor(this.random() * 5));
  }

  /** True when the file once was like that. */
  had(name: string, content: string): boolean {
    return this.states.get(name)?.has(content) ?? false;
  }

  private async write(name: string, sizeBytes: number): Promise<void> {
    const content = Buffer.alloc(sizeBytes, `${name} ${this.random()}`);
    await mkdir(join(this.path, name, '..'), { recursive: true });
    await writeFile(join(this.path, name), content);
    this.now.set(name, digest(content));
    this.states.set(name, (this.states.get(name) ?? new Set()).add(digest(content)));
  }

  private async remove(name: string): Promise<void> {
    await rm(join(this.path, name), { force: true });
    this.now.delete(name);
  }
}

/** Runs the child; kills it after `killMs` unless it has ended. True when it was killed. */
async function run(tree: ChangingTree, spec: StoreSpec, killMs?: number): Promise<boolean> {
  const child = fork(join(import.meta.dirname, 'mirror-child.ts'), [tree.path, JSON.stringify(spec)]);
  const ended = new Promise<NodeJS.Signals | number | null>((resolve) =>
    child.once('exit', (status, signalled) => resolve(signalled ?? status)),
  );
  await new Promise((resolve) => child.once('message', resolve));
  if (killMs !== undefined) {
    await Promise.race([delay(killMs), ended]);
    child.kill('SIGKILL');
  }
  const result = await ended;
  if (result !== 'SIGKILL') assert.equal(result, 0);
  return result === 'SIGKILL';
}

/** What the mirror restores to; reading checks each file against its checksum. */
async function restored(vault: Vault): Promise<Map<string, string> | undefined> {
  const points = await vault.list({ signal });
  assert.ok(points.length <= 1);
  const [point] = points;
  if (!point) return undefined;
  const files = new Map<string, string>();
  for await (const entry of vault.read(point, signal))
    if (entry.type === 'file' && entry.open)
      files.set(entry.path.toString(), digest(Buffer.concat(await Array.fromAsync(entry.open(signal)))));
  for (const readData of [true, false]) assert.deepEqual(await vault.verify(point, { readData, signal }), []);
  return files;
}

async function killAndLook(spec: StoreSpec, name: string, random: () => number): Promise<void> {
  const tree = new ChangingTree(join(scratch, `tree-${name}`), random);
  const store = await openStore(spec, { clock, logger });
  const vault = await openVault({ type: 'mirror' }, { name, store, clock, logger });
  await tree.change();
  const startedMs = performance.now();
  await run(tree, spec);
  const durationMs = performance.now() - startedMs;
  let killed = 0;
  for (let round = 0; round < killsPerStore; round += 1) {
    await tree.change();
    if (await run(tree, spec, random() * durationMs)) killed += 1;
    const files = await restored(vault);
    assert.ok(files, 'there was a restore point, and is none any more');
    for (const [path, content] of files) assert.ok(tree.had(path, content), `${path} was never like that`);
  }
  assert.ok(killed > 0, 'every run ended before its kill');
  await run(tree, spec);
  assert.deepEqual(await restored(vault), new Map([...tree.now].sort(([a], [b]) => (a < b ? -1 : 1))));
  const left = await Array.fromAsync(store.list(), ({ key }) => key);
  assert.deepEqual(
    left.filter((key) => !key.startsWith('data/')),
    ['data.manifest.json'],
  );
  await vault.close();
}

test(`a mirror on a disk restores to what was true, and goes on, after each of ${killsPerStore} kills`, async () => {
  await killAndLook({ type: 'local', path: join(scratch, 'mirror') }, 'disk', seededRandom(seed));
});

test(`a mirror on S3 restores to what was true, and goes on, after each of ${killsPerStore} kills`, async () => {
  await killAndLook(s3Spec(s3, await s3.createBucket()), 's3', seededRandom(seed + 1));
});
