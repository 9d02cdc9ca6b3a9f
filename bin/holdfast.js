#!/usr/bin/env node
// Starts Holdfast on a Node.js that is new enough: the caller's own, or the one that npm brought along.
import { readdirSync, statSync } from 'node:fs';
import * as nodeModule from 'node:module';
import { availableParallelism, constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';

const neededMajor = 26;

/** The Node.js binary that came with the package, or undefined where its platform has none. */
function bundledNode() {
  try {
    return nodeModule.createRequire(import.meta.url).resolve(`node-${process.platform}-${process.arch}/bin/node`);
  } catch {
    return undefined;
  }
}

/** Runs this same file again under `binary`, as if it had been called so: same terminal, signals and exit status. */
async function rerunWith(binary) {
  const { spawn } = await import('node:child_process');
  const child = spawn(binary, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], { stdio: 'inherit' });
  // The terminal sends Ctrl+C to both; a signal sent to us alone must reach the child.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('exit', (code, signal) => process.exit(code ?? 128 + (constants.signals[signal] ?? 0)));
}

const youngBytes = () => getHeapSpaceStatistics().find((space) => space.space_name === 'new_space')?.space_size ?? 0;

/**
 * V8's young generation begins with half a megabyte, which is collected all the time, and grows to 32, which a backup of
 * many files would fill: it gets 8 and stays there (docs/performance.md). After the start V8 takes no size from a flag,
 * only how fast it grows: so it is made to grow once, fourfold from 2, by what stays alive. Memory beyond these 2 is
 * taken when it is used. The old generation grows by no more than itself.
 */
function tuneHeap() {
  const block = Array.from({ length: 8192 });
  const living = [];
  setFlagsFromString('--semi-space-growth-factor=4');
  while (youngBytes() <= 2 * 1024 * 1024 && living.length < 64) living.push(block.slice());
  setFlagsFromString('--semi-space-growth-factor=1');
  setFlagsFromString('--heap-growing-percent=100');
}

/** V8 gives each thread its own copy (2 MiB) of what it has of its own: calls into it take as long without. */
const shareBuiltins = () => setFlagsFromString('--no-short-builtin-calls');

/** What src/base/native-functions.ts does, before anything is compiled: V8 believes its caches only under the same flags. */
const makeFfiSafe = () => setFlagsFromString('--no-turbo-fast-api-calls');

/** node:ffi is called on purpose (docs/decisions/0004); its warning would stand in every user's output. */
function hideFfiWarning() {
  const emitWarning = process.emitWarning;
  process.emitWarning = (warning, ...rest) => {
    if (!String(warning).startsWith('FFI is an experimental feature')) emitWarning.call(process, warning, ...rest);
  };
}

const root = join(import.meta.dirname, '..');
const changedAt = (path) => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;

/** Whether anything that the program is made of was changed below `folder`, or added or removed, after `time`. */
function isChanged(folder, time) {
  if (changedAt(folder) > time) return true;
  return readdirSync(folder).some((name) => {
    const path = `${folder}/${name}`;
    if (name.endsWith('.ts')) return !name.endsWith('.test.ts') && changedAt(path) > time;
    return !name.includes('.') && isChanged(path, time);
  });
}

/** A package has the bundle alone (scripts/bundle.ts); a checkout runs its sources once they are newer than it. */
function isBundleFresh() {
  const builtAt = changedAt(join(root, 'dist/main.js'));
  if (changedAt(join(root, 'src')) === 0) return true;
  return changedAt(join(root, 'package-lock.json')) <= builtAt && !isChanged(join(root, 'src'), builtAt);
}

// An address among the arguments may hold a password, and everybody can read them: src/main.ts shows them scrubbed.
process.title = 'holdfast';
if (Number(process.versions.node.split('.')[0]) >= neededMajor) {
  // By the variable the threads have it too: without, each takes the types off its sources again (20 MB, 50 ms).
  process.env.NODE_COMPILE_CACHE ??= join(tmpdir(), 'node-compile-cache');
  nodeModule.enableCompileCache();
  makeFfiSafe();
  shareBuiltins();
  hideFfiWarning();
  tuneHeap();
  // Compression runs in libuv's thread pool; reading must not wait behind it. The pool reads this at its first use.
  process.env.UV_THREADPOOL_SIZE ??= String(availableParallelism() + 4);
  await import(isBundleFresh() ? '../dist/main.js' : '../src/main.ts');
} else {
  const binary = bundledNode();
  if (binary === undefined) {
    console.error(
      `holdfast needs Node.js ${neededMajor} or newer; this is ${process.version}, and npm has brought no other.\n` +
        `Run "npm ci" without --omit=optional, or install Node.js ${neededMajor}.`,
    );
    process.exit(1);
  }
  await rerunWith(binary);
}
