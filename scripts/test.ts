/**
 * npm test: everything, the real servers included. `npm test -- test/e2e` runs only the files whose path contains that;
 * `npm test -- --test-name-pattern x` and Node's other options of its test runner are handed on.
 */
import { globSync } from 'node:fs';
import { ensureDebianPackages } from './debian-packages.ts';
import { runTests } from './run-tests.ts';
import { readTestArguments } from './test-arguments.ts';

const minuteMs = 60_000;
/** Many times what any needs on a slow machine that is busy: who takes longer hangs. */
const [testLimitMs, defaultFileLimitMs] = [10 * minuteMs, 20 * minuteMs];
const fileLimitMs = Number(process.env['HOLDFAST_TEST_FILE_LIMIT_MS'] ?? defaultFileLimitMs);

async function main(): Promise<number> {
  process.chdir(new URL('..', import.meta.url).pathname);
  const { paths, options } = readTestArguments(process.argv.slice(2));
  const files = globSync(['src/**/*.test.ts', 'test/**/*.test.ts'])
    .filter((file) => paths.length === 0 || paths.some((path) => file.includes(path)))
    .sort();
  const problem = files.length === 0 ? `No test file's path contains ${paths.join(' or ')}.` : ensureDebianPackages();
  if (problem !== undefined) {
    console.error(problem);
    return 1;
  }
  return await runTests({ files, options, environment: {}, testLimitMs, fileLimitMs });
}

process.exitCode = await main();
