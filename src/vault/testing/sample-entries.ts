import type { SourceEntry } from '../../source/index.ts';
import type { RestorePoint, Vault } from '../vault.ts';

const never = new AbortController().signal;

const base = { mode: 0o644, uid: 1000, gid: 100, user: 'kim', group: 'users', mtimeNs: 1_700_000_000_123_456_789n };

/** Bytes that compress a little and differ from place to place. */
export function sampleBytes(sizeBytes: number, seed = 1): Buffer {
  const bytes = Buffer.alloc(sizeBytes);
  let state = seed;
  for (let at = 0; at < sizeBytes; at += 1) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[at] = at % 3 === 0 ? 0x20 : state >>> 25;
  }
  return bytes;
}

/** What tells a file with two names from others. */
const linked = (inode: bigint): Partial<SourceEntry> => ({ inode, deviceId: 42n, links: 2 });

const link = { ...base, type: 'symlink', mode: 0o777 } as const;

/** A file entry whose content comes in pieces of odd sizes. */
export function sampleFile(path: string | Buffer, content: Uint8Array, more: Partial<SourceEntry> = {}): SourceEntry {
  return {
    ...base,
    path: Buffer.from(path),
    type: 'file',
    sizeBytes: content.length,
    async *open() {
      for (let at = 0; at < content.length; at += 70_001) yield content.subarray(at, at + 70_001);
    },
    ...more,
  };
}

export const sampleRoot: SourceEntry = { ...base, path: Buffer.alloc(0), type: 'directory', mode: 0o2750 };

function sparseContent(): Buffer {
  const content = Buffer.alloc(1_000_000);
  content.fill('data', 8192, 8192 + 4096);
  content.fill('more', 524_288, 524_288 + 5000);
  return content;
}

/** Data at the beginning, then whole zero chunks of the repository's format, then what `rest` says. */
const chunkBytes = 524_288;
const holedContent = (chunks: number, rest: Uint8Array): Buffer =>
  Buffer.concat([Buffer.alloc(4096, 'data'), Buffer.alloc(chunks * chunkBytes - 4096), rest]);

const rank = ({ path }: SourceEntry): Buffer => Buffer.from(path.map((byte) => (byte === 0x2f ? 0 : byte)));

/** A directory before what is in it, names ascending by bytes. */
function inOrder(entries: readonly SourceEntry[]): SourceEntry[] {
  return entries.toSorted((a, b) => rank(a).compare(rank(b)));
}

/** A tree with every kind of entry, and names, owners, times and attributes at their limits. */
export function sampleTree(): SourceEntry[] {
  const long = 'long-'.repeat(45);
  const sparse = sparseContent();
  return inOrder([
    sampleRoot,
    { ...base, path: Buffer.from('dir'), type: 'directory', mode: 0o1777 },
    { ...base, path: Buffer.from('dir/empty'), type: 'directory', mode: 0 },
    sampleFile('dir/a', Buffer.from('hello'), linked(7n)),
    { ...sampleFile('dir/b', Buffer.alloc(0), linked(7n)), hardLinkTo: Buffer.from('dir/a') },
    sampleFile('empty', Buffer.alloc(0)),
    sampleFile('exactly-a-block', sampleBytes(512)),
    sampleFile('big', sampleBytes(2_500_000)),
    sampleFile('odd \n "name" \u00fc', Buffer.from('x'), { mode: 0o6755 }),
    sampleFile(Buffer.from([0x66, 0xff, 0xfe, 0x2e]), Buffer.from('not UTF-8')),
    sampleFile(Buffer.concat([Buffer.from(long), Buffer.from([0xff])]), Buffer.from('long, not UTF-8')),
    { ...base, path: Buffer.from(long), type: 'directory', mode: 0o755 },
    { ...base, path: Buffer.from(`${long}/${long}`), type: 'directory', mode: 0o755 },
    sampleFile(`${long}/${long}/f`, Buffer.from('deep')),
    sampleFile('owner', Buffer.from('o'), {
      uid: 4_294_967_294,
      gid: 4_000_000_000,
      user: 'u'.repeat(40),
      group: 'gr\u00fcn',
    }),
    sampleFile('before-1970', Buffer.from('t'), { mtimeNs: -1_500_000_000n }),
    sampleFile('before-1902', Buffer.from('t'), { mtimeNs: -3_000_000_000_000_000_001n }),
    sampleFile('after-2262', Buffer.from('t'), { mtimeNs: 10_000_000_000_000_000_007n }),
    sampleFile('attributes', Buffer.from('a'), {
      extendedAttributes: [
        { name: 'user.binary', value: Buffer.from([0, 10, 255, 61]) },
        { name: 'user.with=and%', value: Buffer.from('v') },
        { name: 'user.empty', value: Buffer.alloc(0) },
      ],
    }),
    sampleFile('sparse', sparse, {
      dataRuns: [
        { offset: 8192, length: 4096 },
        { offset: 524_288, length: 5000 },
      ],
    }),
    sampleFile('sparse-chunks', holedContent(5, Buffer.from('more')), {
      dataRuns: [
        { offset: 0, length: chunkBytes },
        { offset: 5 * chunkBytes, length: 4 },
      ],
    }),
    sampleFile('sparse-end', holedContent(3, Buffer.alloc(17)), { dataRuns: [{ offset: 0, length: chunkBytes }] }),
    sampleFile('all-hole', Buffer.alloc(300_000), { dataRuns: [] }),
    { ...link, path: Buffer.from('link'), linkTarget: Buffer.from('dir/a'), ...linked(8n) },
    { ...link, path: Buffer.from('link-again'), hardLinkTo: Buffer.from('link'), ...linked(8n) },
    { ...link, path: Buffer.from('long-link'), linkTarget: Buffer.from(long) },
    { ...base, path: Buffer.from('fifo'), type: 'fifo' },
    { ...base, path: Buffer.from('null'), type: 'chardev', device: { major: 1, minor: 3 } },
    { ...base, path: Buffer.from('disk'), type: 'blockdev', device: { major: 259, minor: 1_048_575 } },
  ]);
}

/** Facts of where an entry was: a kind of vault may keep them or not. */
const factsOfPlace = ['ctimeNs', 'inode', 'deviceId', 'links'] as const;

/** What of an entry a vault has to keep, in a form that assert.deepEqual compares. */
export interface KeptEntry extends Omit<SourceEntry, 'open' | 'content' | (typeof factsOfPlace)[number]> {
  readonly content: string | undefined;
}

/** Reads an entry's content and lists what has to be kept. */
export async function keep(entry: SourceEntry): Promise<KeptEntry> {
  const isFile = entry.type === 'file' && entry.hardLinkTo === undefined;
  const parts: Uint8Array[] = [];
  if (isFile && entry.open) for await (const chunk of entry.open(never)) parts.push(Buffer.from(chunk));
  const facts: Record<string, unknown> = {
    ...entry,
    content: isFile ? Buffer.concat(parts).toString('latin1') : undefined,
  };
  for (const name of ['open', ...factsOfPlace]) delete facts[name];
  if (!isFile) delete facts['sizeBytes'];
  if (entry.hardLinkTo) delete facts['linkTarget']; // said by the first name
  if (entry.extendedAttributes) {
    facts['extendedAttributes'] = entry.extendedAttributes.map(({ name, value }) => ({
      name,
      value: Buffer.from(value),
    }));
  }
  return facts as unknown as KeptEntry;
}

/** The same where only holes that are whole chunks of zeros are kept. */
export function keptByChunk(kept: KeptEntry): KeptEntry {
  const { dataRuns: _, ...others } = kept;
  const content = Buffer.from(kept.content ?? '', 'latin1');
  let holeBytes = 0;
  for (let at = 0; at + chunkBytes <= content.length; at += chunkBytes)
    if (content.subarray(at, at + chunkBytes).every((byte) => byte === 0)) holeBytes += chunkBytes;
  return holeBytes > 0 ? kept : others;
}

/** Everything that a vault gives back of a restore point. */
export async function readBack(vault: Vault, point: RestorePoint): Promise<KeptEntry[]> {
  const kept: KeptEntry[] = [];
  for await (const entry of vault.read(point, never)) kept.push(await keep(entry));
  return kept;
}
