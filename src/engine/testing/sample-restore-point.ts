import { createHash } from 'node:crypto';
import type { RestorePoint } from '../../vault/index.ts';

/** A restore point as a vault lists it, good and of one megabyte unless said otherwise. */
export function sampleRestorePoint(startedAt: string | number, more: Partial<RestorePoint> = {}): RestorePoint {
  const time = new Date(startedAt);
  const id = createHash('sha256')
    .update(JSON.stringify([time, more.job, more.source, more.vault, more.host]))
    .digest('hex');
  return {
    id,
    job: 'nightly',
    runId: id.slice(0, 32),
    startedAt: time,
    finishedAt: new Date(time.getTime() + 1000),
    source: { type: 'postgres', name: 'shop', shape: 'file', paths: ['db:5432/shop'] },
    host: 'host-a',
    tags: [],
    details: {},
    problems: [],
    vault: 'main',
    format: 'archive/gzip',
    status: 'ok',
    files: 10,
    sizeBytes: 1_000_000,
    storedBytes: 400_000,
    keys: [`${id}.gz`, `${id}.gz.manifest.json`],
    ...more,
  };
}
