import assert from 'node:assert/strict';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { systemClock } from '../../base/clock.ts';
import { HoldfastError } from '../../base/errors.ts';
import { silentLogger } from '../../base/log.ts';
import { registerSecret } from '../../base/secrets.ts';
import type { CommandSourceSpec } from './command-source-spec.ts';
import { openCommandSource } from './open-command-source.ts';

type Spec = Omit<CommandSourceSpec, 'type'>;

let folder = '';
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-command-'));
});
after(async () => await rm(folder, { recursive: true, force: true }));

const patient = new AbortController().signal;
const node = process.execPath;

const open = async (spec: Spec) =>
  await openCommandSource({ type: 'command', ...spec }, { signal: patient, logger: silentLogger, clock: systemClock });

/** Reads the one entry of a command; returns its content once the whole reading has ended without an error. */
async function read(spec: Spec, signal = patient): Promise<Buffer> {
  const source = await open(spec);
  const blocks: Uint8Array[] = [];
  const reading = source.read({ signal, logger: silentLogger, onProblem: (problem) => assert.fail(problem.message) });
  for await (const entry of reading.entries) for await (const block of entry.open?.(signal) ?? []) blocks.push(block);
  return Buffer.concat(blocks);
}

/** What `read` throws; fails when it doesn't. */
async function failure(spec: Spec, signal = patient): Promise<HoldfastError> {
  const error: unknown = await read(spec, signal).then(
    (content) => assert.fail(`read ${content.length} bytes without an error`),
    (error: unknown) => error,
  );
  assert.ok(error instanceof HoldfastError, String(error));
  return error;
}

/** False also for a process that has ended and whose parent has not asked how. */
const isRunning = async (pid: number): Promise<boolean> => {
  const status = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  return status !== undefined && !/\) [ZX] /.test(status);
};

/** A program that ignores SIGTERM, and that has a child which does so too. It writes both pids, then waits. */
const stubborn = (file: string): Spec => ({
  command: `trap '' TERM; sleep 600 & echo "$$ $!" > ${file}; echo started; wait; wait; sleep 600`,
});

describe('what a command gives', () => {
  test('every byte of stdout, in order, more than pipes hold', async () => {
    const script = `for (let i = 0; i < 40; i++) process.stdout.write(Buffer.alloc(100_003, i))`;
    const content = await read({ command: [node, '-e', script] });
    const expected = Buffer.concat(Array.from({ length: 40 }, (_, i) => Buffer.alloc(100_003, i)));
    assert.ok(content.equals(expected));
  });

  test('one file of unknown size that is named after the source', async () => {
    const source = await open({ command: ['/bin/echo', 'x'], name: 'greeting' });
    assert.equal(source.shape, 'file');
    const reading = source.read({ signal: patient, logger: silentLogger, onProblem: () => {} });
    const entries = await Array.fromAsync(reading.entries);
    assert.deepEqual(
      entries.map(({ path, type, sizeBytes }) => [path.toString(), type, sizeBytes]),
      [['greeting.out', 'file', undefined]],
    );
  });

  test('arguments arrive as they stand, without a shell', async () => {
    assert.equal((await read({ command: ['/bin/echo', '$HOME; *', '"'] })).toString(), '$HOME; * "\n');
  });

  test('the environment and the working directory are those of the specification', async () => {
    const content = await read({
      command: 'echo "$GREETING"; pwd',
      environment: { GREETING: 'ho' },
      workingDirectory: folder,
    });
    assert.equal(content.toString(), `ho\n${folder}\n`);
  });

  test('each reading runs the program anew', async () => {
    const file = join(folder, 'runs');
    const source = await open({ command: `echo run >> ${file}; cat ${file}` });
    for (const expected of ['run\n', 'run\nrun\n']) {
      const reading = source.read({ signal: patient, logger: silentLogger, onProblem: () => {} });
      for await (const entry of reading.entries)
        assert.equal(Buffer.concat(await Array.fromAsync(entry.open?.(patient) ?? [])).toString(), expected);
    }
  });
});

describe('what is no backup', () => {
  test('a non-zero exit status, though all bytes were written; the end of stderr says why', async () => {
    const error = await failure({ command: 'echo data; echo first >&2; echo "disk on fire" >&2; exit 3' });
    assert.equal(error.code, 'source/command-failed');
    assert.match(error.message, /status 3: first\ndisk on fire/);
  });

  test('a program that a signal ended', async () => {
    const error = await failure({ command: 'echo data; kill -9 $$' });
    assert.equal(error.code, 'source/command-failed');
    assert.match(error.message, /SIGKILL/);
  });

  test('a pipeline whose first program failed', async () => {
    const error = await failure({ command: '(echo half; exit 4) | cat' });
    assert.equal(error.code, 'source/command-failed');
    assert.match(error.message, /status 4/);
  });

  test('success without a byte, unless that is allowed', async () => {
    assert.equal((await failure({ command: ['/bin/true'] })).code, 'source/empty-output');
    assert.equal((await read({ command: ['/bin/true'], allowEmpty: true })).length, 0);
  });

  test('a failure without a byte, even when empty output is allowed', async () => {
    assert.equal((await failure({ command: ['/bin/false'], allowEmpty: true })).code, 'source/command-failed');
  });

  test('an output that its reader left: the reading itself fails', async () => {
    const source = await open({ command: 'head -c 3000000 /dev/zero; sleep 600' });
    const reading = source.read({ signal: patient, logger: silentLogger, onProblem: () => {} });
    await assert.rejects(
      async () => {
        for await (const entry of reading.entries) {
          for await (const block of entry.open?.(patient) ?? []) {
            assert.ok(block.length > 0);
            break;
          }
        }
      },
      { code: 'source/command-failed' },
    );
  });
});

describe('what is told before anything runs', () => {
  test('a program that PATH does not have', async () => {
    await assert.rejects(open({ command: ['no-such-program-here'] }), { code: 'source/tool-missing' });
  });

  test('a file that is not executable, and a directory', async () => {
    const file = join(folder, 'not-executable');
    await writeFile(file, '#!/bin/sh\n', { mode: 0o644 });
    await assert.rejects(open({ command: [file] }), { code: 'source/tool-missing' });
    await assert.rejects(open({ command: [folder] }), { code: 'source/tool-missing' });
  });

  test('the PATH that counts is the one of the specification', async () => {
    const file = join(folder, 'only-here');
    await writeFile(file, '#!/bin/sh\necho found\n');
    await chmod(file, 0o755);
    assert.equal((await read({ command: ['only-here'], environment: { PATH: folder } })).toString(), 'found\n');
  });

  test('a working directory that is not there', async () => {
    await assert.rejects(open({ command: ['/bin/true'], workingDirectory: join(folder, 'absent') }), {
      code: 'source/not-found',
    });
  });

  test('no program at all, and a file name that would leave its folder', async () => {
    for (const spec of [{ command: [] }, { command: '  ' }, { command: [''] }, { command: 'x', fileName: '../x' }])
      await assert.rejects(open(spec), { code: 'source/bad-command' });
  });
});

describe('how a command is ended', () => {
  test('abort ends the program before the reading rejects, and what it started, even when they ignore SIGTERM', async () => {
    const file = join(folder, 'pids');
    const abort = new AbortController();
    const reason = new Error('interrupted by the user');
    const result = read(stubborn(file), abort.signal);
    result.catch(() => {});
    let pids: number[] = [];
    while (pids.length < 2) {
      await systemClock.sleep(20);
      pids = (await readFile(file, 'utf8').catch(() => '')).split(' ').filter(Boolean).map(Number);
    }
    abort.abort(reason);
    await assert.rejects(result, reason);
    const [program = 0, started = 0] = pids;
    assert.equal(await isRunning(program), false);
    // It was killed too, and is nobody's to wait for: the system ends it when it gets to it.
    for (let tries = 0; tries < 1000 && (await isRunning(started)); tries += 1) await systemClock.sleep(50);
    assert.equal(await isRunning(started), false);
  });

  test('a reading whose signal is aborted runs nothing', async () => {
    const file = join(folder, 'must-not-exist');
    await assert.rejects(read({ command: `touch ${file}; echo x` }, AbortSignal.abort(new Error('no'))), /no/);
    await assert.rejects(readFile(file), { code: 'ENOENT' });
  });

  test('a program that runs too long is ended and the backup fails', async () => {
    const error = await failure({ command: 'echo data; sleep 600', timeoutMs: 200 });
    assert.equal(error.code, 'source/command-failed');
    assert.match(error.message, /longer than 200 ms/);
  });
});

describe('what is kept secret', () => {
  test('a secret that the program writes to stderr', async () => {
    registerSecret('hunter2-of-the-test');
    const error = await failure({ command: 'echo "bad password hunter2-of-the-test" >&2; exit 1' });
    assert.match(error.message, /bad password \*+/);
    assert.doesNotMatch(error.message, /hunter2/);
  });

  test('the value of a variable whose name speaks of a secret', async () => {
    const environment = { MYSQL_PWD: 'quite-secret-value' };
    const error = await failure({ command: 'echo "using $MYSQL_PWD" >&2; exit 1', environment });
    assert.doesNotMatch(error.message, /quite-secret-value/);
  });

  test('arguments, in the name, the path and the error', async () => {
    const assigned = await open({ command: 'PASSWORD=tell-no-one mysqldump app' });
    const argument = await open({ command: ['/bin/false', '--password=tell-no-one'] });
    const error = await failure({ command: ['/bin/false', '--password=tell-no-one'] });
    const shown = JSON.stringify([assigned.name, assigned.paths, argument.name, argument.paths, error, error.message]);
    assert.doesNotMatch(shown, /tell-no-one/);
  });
});
