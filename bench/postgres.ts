/** The backup of a database on a real server started here, beside pg_dump and a compressor. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { startPostgres } from '../test/servers/postgres.ts';
import { dumpLikeText } from './dump-like-text.ts';
import { holdfast } from './holdfast-command.ts';
import { compare } from './measure.ts';

const tables = 6;
const tableBytes = 100_000_000;
const batchBytes = 10_000_000;

/** 600 MB of dump-like rows in six tables, plain format, gzip and zstd, both against `pg_dump | gzip -6`. */
export async function benchPostgres(scratch: string): Promise<void> {
  const server = await startPostgres({ version: 15, config: { max_wal_size: '4GB' } });
  try {
    await server.query('postgres', 'create database bench');
    for (let table = 0; table < tables; table += 1) {
      const name = `events_${table}`;
      const columns = 'id text, email text, words text, at text, amount text, flag text, hash text';
      await server.query('bench', `create unlogged table ${name} (${columns})`);
      for (let batch = 0; batch < tableBytes / batchBytes; batch += 1) {
        const text = dumpLikeText(batchBytes, table * 1000 + batch + 1).toString('latin1');
        const rows = text.slice(0, text.lastIndexOf('\n') + 1);
        await server.psql('bench', `copy ${name} from stdin;\n${rows}\\.\n`, ['-q']);
      }
    }
    await server.query('bench', 'checkpoint');
    const vault = join(scratch, 'database-vault');
    const url = `postgres://postgres@localhost:${server.port}/bench?host=${encodeURIComponent(server.socketDir)}`;
    const dump = `${join(server.binDir, 'pg_dump')} -h ${server.socketDir} -p ${server.port} -U postgres bench`;
    const peer = { name: 'pg_dump | gzip -6', line: `${dump} | gzip -6 > ${join(scratch, 'dump.sql.gz')}` };
    const ours = ['gzip:6', 'zstd:3', 'zstd:1'].map((compression) => ({
      name: `holdfast --compression ${compression}`,
      line: `${holdfast} backup '${url}' --to ${vault} --compression ${compression}`,
      prepare: () => rm(vault, { recursive: true, force: true }),
    }));
    await compare('PostgreSQL database of 600 MB, plain dump', peer, ours);
  } finally {
    await server.stop();
  }
}
