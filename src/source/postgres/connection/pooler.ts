import { randomBytes } from 'node:crypto';
import { sourceError } from '../../errors.ts';
import { connect, type Connection } from './connect.ts';

const setting = 'holdfast.probe';

async function probeValue(connection: Connection): Promise<string | null> {
  const [row] = await connection.query<{ value: string | null }>(`SELECT current_setting('${setting}', true) AS value`);
  return row?.value ?? null;
}

/**
 * Throws source/pooler when statements of one session reach different server sessions (pgbouncer with pool_mode
 * "transaction" or "statement", and its like): pg_dump's settings and snapshot would not hold there. A server session
 * knows its own process id; when it is the one that was announced at the start, nothing stands between. Else a second
 * session, opened while the first is idle, either sees the first one's setting or takes its place.
 */
export async function refusePooler(connection: Connection, signal: AbortSignal): Promise<void> {
  const [row] = await connection.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  if (row?.pid === connection.announcedPid) return;
  const secret = randomBytes(8).toString('hex');
  await connection.query(`SELECT set_config('${setting}', '${secret}', false)`);
  const second = await connect([connection.settings], signal);
  try {
    await second.query('BEGIN');
    const seen = await probeValue(second);
    const kept = await probeValue(connection);
    if (seen !== secret && kept === secret) return;
  } finally {
    await second.query('ROLLBACK').catch(() => {});
    await second.close();
  }
  const { host, port } = connection.settings;
  throw sourceError('pooler', {
    message: `${host}:${port} is a connection pooler that changes the server session between statements`,
    hint: 'Give the address of the PostgreSQL server itself (providers call it the direct or session endpoint).',
  });
}
