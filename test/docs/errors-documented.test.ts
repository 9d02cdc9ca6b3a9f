/** Holds the codes that the layers declare and docs/errors.md equal. */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { ErrorFamily } from '../../src/base/errors.ts';

const root = join(import.meta.dirname, '../..');

/** The codes of every src/<layer>/errors.ts. */
async function declaredCodes(): Promise<string[]> {
  const files = globSync('src/*/errors.ts', { cwd: root }).filter((file) => !file.startsWith('src/base/'));
  const modules = await Promise.all(
    files.map(async (file) => (await import(join(root, file))) as Record<string, Partial<ErrorFamily<string>>>),
  );
  return modules.flatMap((module) => Object.values(module).flatMap(({ codes }) => codes ?? []));
}

interface Row {
  readonly code: string;
  readonly meaning: string;
  readonly remedy: string;
}

const rows: readonly Row[] = readFileSync(join(root, 'docs/errors.md'), 'utf8')
  .split('\n')
  .flatMap((line) => {
    const [, code, meaning = '', remedy = ''] =
      /^\| `([^`]+)`[^|]*\|\s+([^|]*?)\s+\|\s+([^|]*?)\s+\|$/.exec(line) ?? [];
    return code === undefined ? [] : [{ code, meaning, remedy }];
  });

test('every code that a layer declares is in docs/errors.md, once, and no other', async () => {
  const declared = await declaredCodes();
  assert.ok(declared.length > 60, `only ${declared.length} codes were found`);
  assert.deepEqual(rows.map(({ code }) => code).sort(), declared.sort());
});

test('each row says what the code means and what to do', () => {
  for (const { code, meaning, remedy } of rows) {
    assert.ok(meaning.length > 20, `${code}: what does it mean?`);
    assert.ok(remedy.length > 5, `${code}: what is to be done?`);
  }
});
