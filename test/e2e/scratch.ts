import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runHoldfast, type HoldfastOptions, type HoldfastResult } from './holdfast.ts';

/** A folder that is removed with the test. */
export async function scratchFolder(t: { after(clean: () => Promise<void>): void }): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'hf-e2e-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** Every file below a folder, relative to it; none when the folder is not there. */
export async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();
}

/** What a restore point looks like in `list --json`. */
export interface ListedPoint {
  readonly id: string;
  readonly source: { readonly type: string; readonly name: string };
  readonly status: string;
  readonly tags: readonly string[];
}

/** Runs a command that must end well. */
export async function holdfast(args: readonly string[], options?: HoldfastOptions): Promise<HoldfastResult> {
  const result = await runHoldfast(args, options);
  assert.equal(result.status, 0, `holdfast ${args.join(' ')}\n${result.stdout}\n${result.stderr}`);
  return result;
}

/** The restore points at an address, by the names of their sources. */
export async function listPoints(from: string, options?: HoldfastOptions): Promise<Map<string, ListedPoint>> {
  const { stdout } = await holdfast(['list', '--from', from, '--json'], options);
  const { restorePoints } = JSON.parse(stdout) as { restorePoints: ListedPoint[] };
  return new Map(restorePoints.map((point) => [point.source.name, point]));
}

/** The id of the one restore point of a source. */
export async function pointOf(source: string, from: string, options?: HoldfastOptions): Promise<string> {
  const points = await listPoints(from, options);
  const point = points.get(source);
  assert.ok(point, `no restore point of ${source}, but of ${[...points.keys()].join(', ')}`);
  return point.id;
}

/** What a failing command must not do to its user: an exception's trace, or an error nobody wrote a message for. */
export function assertForUsers({ stdout, stderr }: HoldfastResult): void {
  const said = stdout + stderr;
  assert.doesNotMatch(said, /^ {4}at /m);
  assert.doesNotMatch(said, /unexpected:|\[object Object\]|undefined|cli\/internal/);
}

/** A command that must fail: with this status, and with words that match each of `says`. */
export async function assertFails(
  args: readonly string[],
  expected: { readonly status: number; readonly says: readonly RegExp[] },
  options?: HoldfastOptions,
): Promise<HoldfastResult> {
  const result = await runHoldfast(args, options);
  assertFailed(result, expected);
  return result;
}

/** The same of a result. */
export function assertFailed(
  result: HoldfastResult,
  expected: { readonly status: number; readonly says: readonly RegExp[] },
): void {
  assert.equal(result.status, expected.status, `${result.stdout}\n${result.stderr}`);
  for (const words of expected.says) assert.match(result.stderr, words);
  assertForUsers(result);
}
