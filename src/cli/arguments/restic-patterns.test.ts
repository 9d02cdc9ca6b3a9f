import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createPathFilter } from '../../source/index.ts';
import { gitignorePattern, insensitivePattern } from './restic-patterns.ts';

const excludes = (pattern: string, path: string): boolean =>
  createPathFilter({ exclude: [gitignorePattern(pattern)] }).decide(Buffer.from(path), false) === 'skip';

test('a pattern with a slash in front counts from the root, any other at every depth', () => {
  for (const [pattern, path, expected] of [
    ['*.tmp', 'home/me/x.tmp', true],
    ['/home/me/x', 'home/me/x', true],
    ['/me/x', 'home/me/x', false],
    ['me/x', 'home/me/x', true],
    ['me/x/', 'home/me/x', true],
    ['home/**/x', 'srv/home/a/b/x', true],
    ['#a', 'srv/#a', true],
  ] as const)
    assert.equal(excludes(pattern, path), expected, `${pattern} ${path}`);
});

test('letters of either case match, in brackets too; what a backslash protects stays', () => {
  assert.equal(insensitivePattern('*.Log'), '*.[lL][oO][gG]');
  assert.equal(insensitivePattern('[a-c]\\A?'), '[a-cA-C]\\A?');
});
