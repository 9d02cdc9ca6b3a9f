/** Options of restic's commands, one by one: what they print and leave is what the real restic prints and leaves. */
import assert from 'node:assert/strict';
import { utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { emptyRepository, type Place } from './empty-repository.ts';
import { restic } from './restic.ts';
import { assertFails, holdfast } from './scratch.ts';

/** The lines that a command of ours prints. */
async function ours(args: readonly string[], { options }: Place): Promise<readonly string[]> {
  return linesOf((await holdfast(args, options)).stdout);
}

const linesOf = (text: string): readonly string[] => text.split('\n').filter((line) => line !== '');

describe('find', { concurrency: true }, () => {
  test('takes what was changed between two times, as restic does', async (t) => {
    const place = await emptyRepository(t);
    const { folder, options } = place;
    const times = { 'a.txt': '2020-01-02 03:04:05', 'b.tmp': '2020-01-02 03:04:06', 'deep/er/c.txt': '2021-06-01' };
    for (const [name, time] of Object.entries(times)) {
      const date = new Date(time.includes(' ') ? time : `${time} 00:00`);
      await utimes(join(folder, 'tree', name), date, date);
    }
    await holdfast(['backup', 'tree'], options);
    const bounds = [
      ['--oldest', '2020-01-02 03:04:06'],
      ['-O', '02.01.2020 03:04', '--newest', '2020-01-02 03:04:05'],
      ['-N', '2021-06-01'],
      ['-O', '2020-01-02', '-N', '2021-05-31 23:59'],
    ];
    for (const bound of bounds) {
      const found = await ours(['find', '*.t*', ...bound], place);
      const expected = linesOf(restic(['find', '-q', '*.t*', ...bound], options));
      assert.ok(expected.length > 0);
      assert.deepEqual(
        found.map((line) => line.slice(10)),
        expected,
        bound.join(' '),
      );
    }
    await assertFails(['find', 'a', '-O', 'yesterday'], { status: 1, says: [/A time such as/] }, options);
    await assertFails(['find', 'a', '-O', '2020-01-01', '--blob'], { status: 1, says: [/are for files/] }, options);
  });

  test('--long shows mode, owner, size and time as ls does', async (t) => {
    const place = await emptyRepository(t);
    await holdfast(['backup', 'tree'], place.options);
    const listed = await ours(['ls', '-l', 'latest'], place);
    const found = await ours(['find', '-l', 'tree'], place);
    assert.deepEqual(
      found.map((line) => line.slice(10).replace(' /tree', ' tree')),
      listed.slice(1),
    );
    const { stdout } = await holdfast(['find', 'a.txt', '--json'], place.options);
    const { sizeBytes, mode } = JSON.parse(stdout) as { sizeBytes: number; mode: number };
    assert.deepEqual([sizeBytes, mode], [1, 0o644]);
  });

  test('--show-pack-id names the pack of a blob and of a tree', async (t) => {
    const place = await emptyRepository(t);
    const { options } = place;
    await holdfast(['backup', 'tree'], options);
    const blobs = linesOf(restic(['list', 'blobs'], options)).map((line) => line.split(' '));
    for (const [type = '', id = ''] of blobs) {
      const how = [type === 'tree' ? '--tree' : '--blob', '--show-pack-id', id];
      const [, packId] = /belongs to pack (\w+)/.exec(restic(['find', ...how], options)) ?? [];
      for (const line of await ours(['find', ...how], place)) assert.match(line, new RegExp(`${id}  pack ${packId} `));
      const { stdout } = await holdfast(['find', '--json', ...how], options);
      assert.equal((JSON.parse(stdout.split('\n')[0] ?? '') as { pack: string }).pack, packId);
    }
    await assertFails(['find', 'a', '--show-pack-id'], { status: 1, says: [/is for --blob and --tree/] }, options);
  });
});
