/**
 * Runs the tests that need no service with Node's own runner: those beside their files in src/, and those that hold
 * docs/ to the code.
 */
import { spawnSync } from 'node:child_process';
import { globSync } from 'node:fs';
import { availableParallelism } from 'node:os';

const files = globSync(['src/**/*.test.ts', 'test/docs/*.test.ts']).sort();
// The runner's own default leaves a processor idle, which is half of two.
const options = ['--test', '--test-reporter=dot', `--test-concurrency=${Math.max(2, availableParallelism())}`];
const { status } = spawnSync(process.execPath, [...options, ...files], { stdio: 'inherit' });
process.exitCode = status ?? 1;
