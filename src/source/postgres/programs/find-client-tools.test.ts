import assert from 'node:assert/strict';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { HoldfastError } from '../../../base/errors.ts';
import { findClientTool } from './find-client-tools.ts';
import { parseVersion } from '../connection/server-version.ts';

describe('the client program for a server', () => {
  let folder: string;
  const env = { PATH: '' };
  before(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'hf-tools-'));
    for (const version of ['14.9', '16.2', '16.10', '18.1']) {
      const file = path.join(folder, version, 'pg_dump');
      await mkdir(path.dirname(file));
      await writeFile(file, `#!/bin/sh\necho "pg_dump (PostgreSQL) ${version} (Test)"\n`);
      await chmod(file, 0o755);
    }
    await mkdir(path.join(folder, 'broken'));
    await writeFile(path.join(folder, 'broken', 'pg_dump'), '#!/bin/sh\nexit 1\n', { mode: 0o755 });
  });
  after(() => rm(folder, { recursive: true }));

  const find = (server: string, folders: readonly string[]) =>
    findClientTool({
      program: 'pg_dump',
      server: parseVersion(server)!,
      binDirs: folders.map((name) => path.join(folder, name)),
      env,
      usualFolders: [],
    });

  test('is the oldest that is not older, of its newest minor release', async () => {
    const all = ['18.1', '16.2', 'broken', '16.10', '14.9', 'nowhere'];
    assert.equal((await find('15.3', all)).version.text, '16.10');
    assert.equal((await find('14.20', all)).version.text, '14.9');
    assert.equal((await find('17.0', all)).version.text, '18.1');
  });

  test('that is missing or too old is named with the package to install', async () => {
    await assert.rejects(find('17.4', ['broken', 'nowhere']), (error: HoldfastError) => {
      assert.equal(error.code, 'source/tool-missing');
      assert.match(error.hint ?? '', /postgresql-client-17/);
      return true;
    });
    await assert.rejects(find('19.1', ['14.9', '18.1']), (error: HoldfastError) => {
      assert.equal(error.code, 'source/tool-too-old');
      assert.match(`${error.message} ${error.hint}`, /18\.1.*19\.1.*postgresql-client-19/);
      return true;
    });
  });
});
