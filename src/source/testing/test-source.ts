import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { silentLogger } from '../../base/log.ts';
import type { Problem, ReadOptions, Source, SourceEntry } from '../source.ts';

/** A source for one test, and what has to be tidied up after it. */
export interface MadeSource {
  readonly source: Source;
  readonly close?: () => Promise<void>;
}

function options(signal: AbortSignal = new AbortController().signal): ReadOptions & { readonly problems: Problem[] } {
  const problems: Problem[] = [];
  return { signal, logger: silentLogger, onProblem: (problem) => problems.push(problem), problems };
}

/** One line per entry with all that two readings of an unchanged source must agree on. */
async function describeEntries(source: Source): Promise<string[]> {
  const read = options();
  const lines: string[] = [];
  for await (const entry of source.read(read).entries) {
    let bytes = 0;
    for await (const chunk of entry.open?.(read.signal) ?? []) bytes += chunk.length;
    lines.push(`${entry.path.toString('latin1')} ${entry.type} ${entry.mode} ${entry.sizeBytes ?? '?'} ${bytes}`);
  }
  return lines;
}

const parentOf = (path: Buffer): string => path.subarray(0, Math.max(0, path.lastIndexOf(0x2f))).toString('latin1');

function assertOrder(entries: readonly SourceEntry[]): void {
  const directories = new Set<string>();
  const lastName = new Map<string, Buffer>();
  for (const { path, type } of entries) {
    if (path.length > 0) {
      const parent = parentOf(path);
      assert.ok(directories.has(parent), `${path.toString()} comes before its directory`);
      const last = lastName.get(parent);
      if (last) assert.ok(Buffer.compare(last, path) < 0, `${path.toString()} comes after ${last.toString()}`);
      lastName.set(parent, path);
    }
    if (type === 'directory') directories.add(path.toString('latin1'));
  }
}

/**
 * What every source promises, whatever it reads: `make` gives one that holds at least one file with content and does not
 * change by itself.
 */
export function testSource(name: string, make: () => Promise<MadeSource>): void {
  const withSource = (body: (source: Source) => Promise<void>) => async (): Promise<void> => {
    const { source, close } = await make();
    try {
      await body(source);
    } finally {
      await close?.();
    }
  };

  describe(`${name} keeps the promises of a source`, () => {
    test(
      'its entries have its shape, a directory before what is in it, names ascending',
      withSource(async (source) => {
        const entries = await Array.fromAsync(source.read(options()).entries);
        if (source.shape === 'file') {
          assert.equal(entries.length, 1);
          assert.equal(entries[0]?.type, 'file');
        } else {
          assert.equal(entries[0]?.path.length, 0);
          assert.equal(entries[0]?.type, 'directory');
          assertOrder(entries);
        }
      }),
    );

    test(
      'a file has exactly the bytes that its size tells, and nothing else has content',
      withSource(async (source) => {
        const read = options();
        let total = 0;
        for await (const entry of source.read(read).entries) {
          const { type, sizeBytes, hardLinkTo } = entry;
          if (type !== 'file' || hardLinkTo) assert.ok(!entry.open);
          let bytes = 0;
          for await (const chunk of entry.open?.(read.signal) ?? []) bytes += chunk.length;
          if (sizeBytes !== undefined && entry.open) assert.equal(bytes, sizeBytes);
          total += bytes;
        }
        assert.ok(total > 0, 'the source under test holds no content');
      }),
    );

    test(
      'each reading stands for itself: a second tells the same, whatever became of the first',
      withSource(async (source) => {
        const first = await describeEntries(source);
        for await (const _ of source.read(options()).entries) break;
        assert.deepEqual(await describeEntries(source), first);
      }),
    );

    test(
      'nobody has to open what it yields',
      withSource(async (source) => {
        const read = options();
        const entries = await Array.fromAsync(source.read(read).entries);
        assert.ok(entries.length > 0);
      }),
    );

    test(
      'an abort ends the reading with the reason given',
      withSource(async (source) => {
        const abort = new AbortController();
        const reason = new Error('enough');
        const reading = source.read(options(abort.signal));
        abort.abort(reason);
        await assert.rejects(
          async () => {
            for await (const entry of reading.entries)
              for await (const _ of entry.open?.(abort.signal) ?? []) assert.ok(abort.signal.aborted);
          },
          (error) => error === reason,
        );
      }),
    );

    test(
      'its details are there when the reading has ended, and hold no empty facts',
      withSource(async (source) => {
        const read = options();
        const reading = source.read(read);
        for await (const entry of reading.entries) for await (const _ of entry.open?.(read.signal) ?? []);
        const details = reading.details();
        assert.equal(typeof details, 'object');
        for (const note of details.notes ?? []) assert.ok(note.length > 0);
      }),
    );

    test(
      'an estimate, where it gives one, counts what a reading yields',
      withSource(async (source) => {
        const estimate = await source.estimate?.(new AbortController().signal);
        if (!estimate || source.shape === 'file') return;
        const entries = await Array.fromAsync(source.read(options()).entries);
        const files = entries.filter(({ type }) => type === 'file');
        const bytes = files.reduce((sum, { hardLinkTo, sizeBytes = 0 }) => sum + (hardLinkTo ? 0 : sizeBytes), 0);
        assert.deepEqual(estimate, { files: files.length, bytes });
      }),
    );
  });
}
