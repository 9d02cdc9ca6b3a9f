import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import * as fc from 'fast-check';
import { silentLogger } from '../../src/base/log.ts';
import type { DirectorySourceSpec } from '../../src/source/directory/index.ts';
import { openDirectorySource } from '../../src/source/directory/index.ts';

const signal = new AbortController().signal;

async function keptPaths(spec: Omit<DirectorySourceSpec, 'type'>, type?: 'file'): Promise<string[]> {
  const source = await openDirectorySource({ type: 'directory', ...spec });
  const kept: string[] = [];
  const reading = source.read({ signal, logger: silentLogger, onProblem: () => {} });
  for await (const entry of reading.entries) if (!type || entry.type === type) kept.push(entry.path.toString('latin1'));
  return kept;
}

const names = [
  'a',
  'b',
  'ab',
  'abc',
  'a.c',
  '.x',
  'A',
  '-',
  ']',
  '[',
  'a b',
  'b ',
  '#a',
  '!a',
  'a\\b',
  '1',
  'é',
  'x\ny',
  '*',
];
const name = fc.constantFrom(...names);
const path = fc.array(name, { minLength: 1, maxLength: 4 }).map((segments) => segments.join('/'));
const tokens = [
  ...names.filter((text) => !text.includes('\n')),
  '*',
  '**',
  '***',
  '?',
  '/',
  '/',
  '[a-c]',
  '[!a]',
  '[^b-]',
  '[]a]',
];
tokens.push(
  '[[:alpha:]]',
  '[[:digit:]x]',
  '[a',
  '\\',
  '\\*',
  '\\#',
  '[\\]]',
  '[a/]',
  '[z-a]',
  '/**/',
  '**/',
  '/**',
  ' ',
  '[[:bad:]]',
);
const pattern = fc
  .tuple(
    fc.constantFrom('', '', '', '!', '/', '#'),
    fc.array(fc.constantFrom(...tokens), { minLength: 1, maxLength: 5 }),
  )
  .map(([first, rest]) => first + rest.join(''))
  .filter((text) => !text.endsWith('\n'));
const ignoreFile = fc.tuple(fc.option(path, { nil: '' }), fc.array(pattern, { maxLength: 4 }));

function makeTree(root: string, paths: readonly string[]): void {
  for (const relative of paths) {
    try {
      mkdirSync(dirname(join(root, relative)), { recursive: true });
      writeFileSync(join(root, relative), '', { flag: 'wx' });
    } catch {
      // a file where another path needs a directory, or the other way round: that path is left out
    }
  }
}

describe('the filters of a directory', () => {
  let dir: string;
  let count = 0;
  before(() => (dir = mkdtempSync(join(tmpdir(), 'holdfast-filter-'))));
  after(() => rmSync(dir, { recursive: true, force: true }));
  const freshTree = (paths: readonly string[]): string => {
    const root = join(dir, `tree-${(count += 1)}`);
    mkdirSync(root);
    makeTree(root, paths);
    return root;
  };

  test('keep the same files as git does, for any patterns in any directories', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(path, { minLength: 1, maxLength: 12 }),
        fc.array(ignoreFile, { maxLength: 3 }),
        async (paths, ignoreFiles) => {
          const root = freshTree(paths);
          for (const [directory, patterns] of ignoreFiles) {
            makeTree(root, [`${directory}/.holdfastignore`]);
            try {
              writeFileSync(join(root, directory, '.holdfastignore'), patterns.join('\n'));
            } catch {
              continue; // its directory is a file
            }
          }
          execFileSync('git', ['init', '-q'], { cwd: root });
          const listed = execFileSync(
            'git',
            ['ls-files', '--others', '-z', '--exclude-per-directory=.holdfastignore'],
            { cwd: root, encoding: 'latin1' },
          );
          const expected = listed.split('\0').filter(Boolean).sort();
          const kept = await keptPaths({ path: root, exclude: ['/.git'] }, 'file');
          assert.deepEqual(kept.sort(), expected);
          rmSync(root, { recursive: true });
        },
      ),
      { numRuns: 300 },
    );
  });

  test('let `exclude` have the last word over ignore files, and leave excluded directories unread', async () => {
    const root = freshTree(['keep/a.log', 'keep/b.tmp', 'cache/x', 'deep/cache/y']);
    writeFileSync(join(root, '.holdfastignore'), '*.log\n');
    const kept = await keptPaths({ path: root, exclude: ['!a.log', '*.tmp', 'cache/'] });
    assert.deepEqual(kept, ['', '.holdfastignore', 'deep', 'keep', 'keep/a.log']);
  });

  test('with `include`, keep what matches and the directories that lead there, and no others', async () => {
    const root = freshTree(['docs/a', 'docs/img/b', 'src/deep/c.md', 'src/deep/d.ts', 'empty/e.ts', 'f.md']);
    const kept = await keptPaths({ path: root, include: ['/docs/', '*.md', '!/docs/img'] });
    assert.deepEqual(kept, ['', 'docs', 'docs/a', 'f.md', 'src', 'src/deep', 'src/deep/c.md']);
  });

  test('with an empty `include`, keep everything', async () => {
    const root = freshTree(['a', 'deep/b']);
    assert.deepEqual(await keptPaths({ path: root, include: [], exclude: [] }), ['', 'a', 'deep', 'deep/b']);
  });

  test('match names that are not UTF-8 by their bytes', async () => {
    const root = freshTree(['other']);
    for (const bytes of [[0xff, 0x61], [0xfe]])
      writeFileSync(Buffer.concat([Buffer.from(`${root}/`), Buffer.from(bytes)]), '');
    assert.deepEqual(await keptPaths({ path: root, exclude: ['?a'] }), ['', 'other', '\u00fe']);
  });

  for (const bad of ['', '  ', '# comment', '[a', 'a\\', 'a\nb', 'a\0', '/', '!'])
    test(`refuse the pattern ${JSON.stringify(bad)}, which can't match anything`, async () => {
      const root = freshTree([]);
      const open = openDirectorySource({ type: 'directory', path: root, exclude: [bad] });
      await assert.rejects(open, { code: 'source/bad-pattern' });
    });
});
