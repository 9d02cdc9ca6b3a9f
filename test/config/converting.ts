import assert from 'node:assert/strict';
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { Configuration, Environment } from '../../src/config/index.ts';
import { convertConfiguration } from '../../src/config/convert-configuration.ts';
import { readConfiguration } from '../../src/config/readers.ts';

/** The configurations that stand in the documents of other services, as they stand there. */
export const documents = join(import.meta.dirname, '../fixtures/documents');

export async function folderWith(t: TestContext, files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-config-'));
  t.after(() => rm(folder, { recursive: true }));
  for (const [name, from] of Object.entries(files)) await copyFile(join(documents, from), join(folder, name));
  return folder;
}

/** The only job of a configuration. */
export function onlyJob({ jobs }: Configuration): Configuration['jobs'][number] {
  assert.equal(jobs.length, 1);
  return jobs[0] ?? assert.fail();
}

/** Writes the native form of `configuration` beside it and reads it again: nothing may have changed. */
export async function assertConverts(
  configuration: Configuration,
  folder: string,
  environment: Environment,
): Promise<string> {
  const text = convertConfiguration(configuration);
  const file = join(folder, 'converted.yaml');
  await writeFile(file, text);
  const read = await readConfiguration(file, environment);
  assert.deepEqual(read.jobs, configuration.jobs);
  assert.deepEqual(read.vaults, configuration.vaults);
  return text;
}
