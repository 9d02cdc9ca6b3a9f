/**
 * npm run soak: the tests that read test/soak-size.ts, with more kills, more seeds and bigger trees. The seed is random;
 * `HOLDFAST_SEED=… npm run soak` repeats a run. Arguments are those of npm test.
 */
import { randomInt } from 'node:crypto';
import { globSync, readFileSync } from 'node:fs';
import { ensureDebianPackages } from './debian-packages.ts';
import { runTests } from './run-tests.ts';
import { readTestArguments } from './test-arguments.ts';

const hourMs = 3_600_000;

async function main(): Promise<number> {
  process.chdir(new URL('..', import.meta.url).pathname);
  const { paths, options } = readTestArguments(process.argv.slice(2));
  const files = globSync(['src/**/*.test.ts', 'test/**/*.test.ts'])
    .filter((file) => paths.length === 0 || paths.some((path) => file.includes(path)))
    .filter((file) => readFileSync(file, 'utf8').includes('/soak-size.ts'))
    .sort();
  const problem = files.length === 0 ? 'No test file reads test/soak-size.ts.' : ensureDebianPackages();
  if (problem !== undefined) {
    console.error(problem);
    return 1;
  }
  const seed = process.env['HOLDFAST_SEED'] ?? String(randomInt(1, 2 ** 31));
  console.log(`HOLDFAST_SEED=${seed}`);
  const environment = { HOLDFAST_SOAK: '1', HOLDFAST_SEED: seed };
  return await runTests({ files, options, environment, testLimitMs: hourMs, fileLimitMs: 2 * hourMs });
}

process.exitCode = await main();
