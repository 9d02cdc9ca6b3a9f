import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { silentLogger } from '../../../base/log.ts';
import { isCopyOf, LocalCopy } from './local-copy.ts';

async function* bytesOf(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}

it('a copy is known again by the etag that its object got: the MD5 of its bytes, or one noted beside it', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'hf-copy-'));
  t.after(() => rm(folder, { recursive: true }));
  const path = join(folder, 'manifest.json');
  const info = { key: 'manifest.json', sizeBytes: 5, modifiedAt: new Date() };
  const keep = async (text: string, etag: string): Promise<void> => {
    const copy = await LocalCopy.open(path, silentLogger);
    await Array.fromAsync(copy.through(bytesOf(text)));
    await copy.keep(etag);
  };
  const md5 = createHash('md5').update('first').digest('hex');
  await keep('first', md5);
  assert.deepEqual(await readdir(folder), ['manifest.json']);
  assert.equal(await isCopyOf(path, { ...info, etag: md5 }), true);
  assert.equal(await isCopyOf(path, { ...info, etag: 'another' }), false);
  assert.equal(await isCopyOf(path, { ...info, etag: md5, sizeBytes: 6 }), false);
  await keep('parts', '0123-2');
  assert.deepEqual((await readdir(folder)).sort(), ['manifest.json', 'manifest.json.etag']);
  assert.equal(await isCopyOf(path, { ...info, etag: '0123-2' }), true);
  assert.equal(await isCopyOf(path, { ...info, etag: md5 }), false);
  await keep('first', md5);
  assert.equal(await isCopyOf(path, { ...info, etag: md5 }), true);
  await writeFile(path, 'First');
  assert.equal(await isCopyOf(path, { ...info, etag: md5 }), false);
});
