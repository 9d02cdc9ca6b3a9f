import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import type { RunningHoldfast } from '../e2e/holdfast.ts';
import { bucketContent } from '../e2e/s3-objects.ts';
import { filesIn } from '../e2e/scratch.ts';
import type { S3Server } from '../servers/s3.ts';

/** Everything that stands in a vault's place, restore points and what is no part of one. */
export type LookAt = () => Promise<readonly string[]>;

export const lookAtFolder =
  (folder: string): LookAt =>
  () =>
    filesIn(folder);

/** Unfinished uploads are told as "KEY (unfinished)". */
export const lookAtBucket =
  (server: S3Server, bucket: string): LookAt =>
  async () => {
    const { keys, unfinished } = await bucketContent(server, bucket);
    return [...keys, ...unfinished.map((key) => `${key} (unfinished)`)];
  };

/** Resolves when a run has begun to write; rejects when it ends before. */
export async function untilWriting(running: RunningHoldfast, look: LookAt): Promise<void> {
  let ended = false;
  void running.ended.then(() => (ended = true));
  while (!(await look()).some((key) => key.endsWith('.pending.json'))) {
    if (ended) assert.fail(`it ended before it wrote anything: ${(await running.ended).stderr}`);
    await delay(20);
  }
}

const suffix = '.manifest.json';

/** Asserts that so many restore points stand there, and nothing else. */
export async function assertOnlyRestorePoints(look: LookAt, count: number): Promise<void> {
  const found = await look();
  const artefacts = found.filter((key) => key.endsWith(suffix)).map((key) => key.slice(0, -suffix.length));
  assert.deepEqual(found.toSorted(), artefacts.flatMap((key) => [key, key + suffix]).toSorted());
  assert.equal(artefacts.length, count);
}
