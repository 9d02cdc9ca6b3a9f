import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';
import type { PostgresServer } from '../servers/postgres.ts';

/** Random text, which no compression makes small: the dump has sent parts of it when it comes to the sequence. */
const bulk = `
  CREATE TABLE bulk AS SELECT g AS id, sha512(g::text::bytea) || sha512((-g)::text::bytea) AS junk FROM generate_series(1, 100000) g;
  CREATE SEQUENCE gate;`;

/** Makes a database whose dump a test can hold. */
export async function createHoldableDatabase(server: PostgresServer, name: string): Promise<void> {
  await server.psql('postgres', `CREATE DATABASE ${name}`);
  await server.psql(name, bulk);
}

/** A dump that stands still after its tables, before its end. */
export interface HeldDump {
  /** Resolves with the process id of pg_dump's session when it waits. */
  waiting(): Promise<number>;
  /** Lets it go on. */
  release(): Promise<void>;
}

/**
 * Locks the sequence that a dump reads after all the rows: pg_dump locks tables when it begins, sequences never.
 */
export async function holdDump(server: PostgresServer, database: string): Promise<HeldDump> {
  const { socketDir: host, port, user } = server;
  const client = new Client({ host, port, user, database });
  await client.connect();
  await client.query('BEGIN');
  await client.query('DROP SEQUENCE gate');
  return {
    waiting: async () => {
      const sql = `SELECT pid FROM pg_stat_activity WHERE datname = '${database}' AND wait_event_type = 'Lock' AND application_name = 'pg_dump'`;
      for (let tries = 0; tries < 6000; tries += 1) {
        const [found] = await server.query<{ pid: number }>('postgres', sql);
        if (found) return found.pid;
        await delay(50);
      }
      throw new Error('pg_dump never came to the locked sequence');
    },
    release: async () => {
      await client.query('ROLLBACK');
      await client.end();
    },
  };
}
