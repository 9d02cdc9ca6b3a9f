/** npm run bench [-- archive postgres memory mirror repository]: prints ratios of one run beside each peer. All parts unless named. */
import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { benchArchive } from './archive.ts';
import { benchMemory } from './memory.ts';
import { benchMirror } from './mirror.ts';
import { benchPostgres } from './postgres.ts';
import { benchRepository } from './repository.ts';

const parts: Readonly<Record<string, (scratch: string) => Promise<void>>> = {
  archive: benchArchive,
  postgres: benchPostgres,
  memory: benchMemory,
  mirror: benchMirror,
  repository: benchRepository,
};

const named = process.argv.slice(2);
const unknown = named.find((name) => !(name in parts));
if (unknown !== undefined) {
  console.error(`there is no part "${unknown}"; parts: ${Object.keys(parts).join(', ')}`);
  process.exit(1);
}
console.log(`${availableParallelism()} cores, ${cpus()[0]?.model ?? 'unknown'}, Node.js ${process.version}\n`);
const scratch = await mkdtemp(join(tmpdir(), 'holdfast-bench-'));
try {
  for (const name of named.length > 0 ? named : Object.keys(parts)) await parts[name]!(scratch);
} finally {
  await rm(scratch, { recursive: true, force: true });
}
