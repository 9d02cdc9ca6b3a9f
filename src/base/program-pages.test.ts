import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { giveBackProgramPages, unwrittenSegments } from './program-pages.ts';

/** KiB of files that this process holds in memory. */
const heldOfFiles = (): number => Number(/RssFile:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'latin1'))?.[1]);

const skip = process.platform !== 'linux' && 'only Linux tells';

test('pages of the program that were given back are there again when they are needed', { skip }, () => {
  const before = heldOfFiles();
  assert.ok(giveBackProgramPages() > 0);
  assert.ok(heldOfFiles() < before - 8 * 1024);
  for (let round = 0; round < 3; round += 1) {
    assert.deepEqual(JSON.parse(JSON.stringify({ now: [round, 'ä'.normalize('NFD')] })), { now: [round, 'a\u0308'] });
    giveBackProgramPages();
  }
});

test('of a program file nothing that is written to is named', { skip }, () => {
  const head = readFileSync(process.execPath).subarray(0, 4096);
  const segments = unwrittenSegments(head);
  assert.ok(segments.length > 0);
  const writable = readFileSync('/proc/self/maps', 'latin1')
    .split('\n')
    .flatMap((line) => {
      const [, from, to] = /^([0-9a-f]+)-([0-9a-f]+) .w/.exec(line) ?? [];
      return from !== undefined && line.endsWith(process.execPath) ? [[BigInt(`0x${from}`), BigInt(`0x${to}`)]] : [];
    }) as [bigint, bigint][];
  const isFixed = head.readUInt16LE(16) === 2;
  for (const { address, bytes } of isFixed ? segments : [])
    assert.ok(writable.every(([from, to]) => to <= address || from >= address + bytes));
  assert.deepEqual(unwrittenSegments(Buffer.from('#!/bin/sh'.padEnd(64))), []);
});
