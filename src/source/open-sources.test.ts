import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../base/clock.ts';
import { silentLogger } from '../base/log.ts';
import { openSources, withUniqueNames } from './open-sources.ts';
import type { Source } from './source.ts';

const options = { signal: new AbortController().signal, logger: silentLogger, clock: systemClock };

const named = (name: string): Source => ({
  type: 'command',
  name,
  shape: 'file',
  paths: [],
  read: () => assert.fail('nothing reads here'),
});

test('each type of specification opens the source of that type', async () => {
  const [directory] = await openSources({ type: 'directory', path: import.meta.dirname }, options);
  const [command] = await openSources({ type: 'command', command: ['/bin/true'] }, options);
  assert.deepEqual([directory?.type, directory?.shape], ['directory', 'tree']);
  assert.deepEqual([command?.type, command?.shape], ['command', 'file']);
});

test('no two sources of one call share a name, and no other name is taken for that', () => {
  const names = withUniqueNames(['globals', 'app', 'globals', 'globals-2', 'globals'].map(named)).map(
    ({ name }) => name,
  );
  assert.deepEqual(names, ['globals', 'app', 'globals-3', 'globals-2', 'globals-4']);
});

test('an aborted signal opens nothing', async () => {
  const signal = AbortSignal.abort(new Error('stopped'));
  await assert.rejects(openSources({ type: 'command', command: ['/bin/true'] }, { ...options, signal }), /stopped/);
});
