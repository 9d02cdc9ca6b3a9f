/**
 * Runs the tests that need no service with Node's own runner: those beside their files in src/, and those that hold
 * docs/ to the code.
 */
import { spawnSync } from 'node:child_process';
import { globSync } from 'node:fs';

const files = globSync(['src/**/*.test.ts', 'test/docs/*.test.ts']).sort();
const { status } = spawnSync(process.execPath, ['--test', '--test-reporter=dot', ...files], { stdio: 'inherit' });
process.exitCode = status ?? 1;
