import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { silentLogger } from '../../src/base/log.ts';
import type { RestoreProblem } from '../../src/source/directory/index.ts';
import { openDirectorySource, restoreTree } from '../../src/source/directory/index.ts';
import type { Problem } from '../../src/source/index.ts';
import { compareTrees } from '../fixtures/compare-trees.ts';
import { makeOddTree } from '../fixtures/odd-tree.ts';

const signal = new AbortController().signal;

describe('a directory read and restored', () => {
  let dir: string;
  before(() => (dir = mkdtempSync(join(tmpdir(), 'holdfast-round-trip-'))));
  after(() => rmSync(dir, { recursive: true, force: true }));

  test('comes back equal in every byte and attribute, the oddest included; only the socket is told to be missing', async () => {
    await makeOddTree(join(dir, 'odd'));
    const problems: Problem[] = [];
    const restoreProblems: RestoreProblem[] = [];
    const source = await openDirectorySource({ type: 'directory', path: join(dir, 'odd') });
    const reading = source.read({ signal, logger: silentLogger, onProblem: (problem) => problems.push(problem) });
    await restoreTree(reading.entries, join(dir, 'restored'), {
      signal,
      logger: silentLogger,
      onProblem: (problem) => restoreProblems.push(problem),
    });
    assert.deepEqual(await compareTrees(join(dir, 'odd'), join(dir, 'restored')), []);
    assert.deepEqual(
      problems.map(({ path, kind }) => `${kind} ${path}`),
      ['unsupported special/socket-kept'],
    );
    assert.deepEqual(restoreProblems, []);
    assert.deepEqual(reading.details().notes, []);
    assert.deepEqual(readdirSync(dir).sort(), ['odd', 'restored']);
  });

  test('goes into an empty directory that exists just as into a new one', async () => {
    await makeOddTree(join(dir, 'odd2'));
    mkdirSync(join(dir, 'empty'));
    const source = await openDirectorySource({ type: 'directory', path: join(dir, 'odd2') });
    const reading = source.read({ signal, logger: silentLogger, onProblem: () => {} });
    await restoreTree(reading.entries, join(dir, 'empty'), { signal, logger: silentLogger, onProblem: () => {} });
    assert.deepEqual(await compareTrees(join(dir, 'odd2'), join(dir, 'empty')), []);
  });
});
