/** Runs the unit tests that stand beside their files in src/, with Node's own runner. They need no service. */
import { spawnSync } from 'node:child_process';
import { globSync } from 'node:fs';

const files = globSync('src/**/*.test.ts').sort();
const { status } = spawnSync(process.execPath, ['--test', '--test-reporter=dot', ...files], { stdio: 'inherit' });
process.exitCode = status ?? 1;
