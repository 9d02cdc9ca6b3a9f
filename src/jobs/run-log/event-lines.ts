import { HoldfastError, messageOf } from '../../base/errors.ts';
import { failuresOf, secondsOf, type JobResult } from '../job-result.ts';
import type { JobEvent } from '../run-event.ts';

/** One JSON line, its time apart. */
export interface EventLine {
  readonly event: string;
  readonly level: 'debug' | 'info' | 'warning' | 'error';
  readonly [field: string]: unknown;
}

/** What one run has counted. */
export interface RunCounts {
  uploaded: number;
  uploadedBytes: number;
  failed: number;
}

function completed(result: JobResult, counts: RunCounts): EventLine {
  const points = result.sources.flatMap(({ restorePoints }) => restorePoints);
  const levels = { ok: 'info', partial: 'warning', failed: 'error', locked: 'warning' } as const;
  const files = points.reduce((sum, { files: count }) => Math.max(sum, count), 0);
  return {
    event: 'backup_completed',
    level: levels[result.status],
    status: result.status,
    run_id: result.runId,
    files,
    uploaded: counts.uploaded,
    uploaded_bytes: counts.uploadedBytes,
    failed: counts.failed,
    duration_seconds: secondsOf(result),
    ...(result.error === undefined ? {} : { error: messageOf(result.error) }),
  };
}

/** A run that could not begin fails as a whole: whoever waits for file_upload_failed must see it. */
function failedToBegin(result: JobResult, counts: RunCounts): EventLine[] {
  if (counts.failed > 0 || result.status === 'locked') return [];
  return failuresOf(result).map(({ about, error }) => ({
    event: 'file_upload_failed',
    level: 'error',
    path: about,
    error: messageOf(error),
    ...(error instanceof HoldfastError ? { code: error.code } : {}),
  }));
}

/** The lines of document A for one event; `counts` are those of the run and are kept up to date. */
export function eventLines(event: JobEvent, counts: RunCounts): readonly EventLine[] {
  switch (event.type) {
    case 'run-started':
      Object.assign(counts, { uploaded: 0, uploadedBytes: 0, failed: 0 });
      return [{ event: 'backup_started', level: 'info', run_id: event.runId }];
    case 'file-stored':
      counts.uploaded += 1;
      counts.uploadedBytes += event.sizeBytes;
      return [{ event: 'file_uploaded', level: 'info', path: event.path, key: event.location, size: event.sizeBytes }];
    case 'file-failed': {
      counts.failed += 1;
      const { path, message: error, vault } = event;
      return [{ event: 'file_upload_failed', level: 'error', path, error, ...(vault === undefined ? {} : { vault }) }];
    }
    case 'restore-point-stored': {
      const { point, location } = event;
      if (!point.format.startsWith('archive')) return [];
      counts.uploaded += 1;
      counts.uploadedBytes += point.storedBytes;
      const { storedBytes: size, files } = point;
      return [{ event: 'backup_archive_uploaded', level: 'info', key: location, size, files }];
    }
    case 'retention-done': {
      const { vault, deleted, retained } = event.report;
      return [{ event: 'retention_completed', level: 'info', vault, deleted, retained }];
    }
    case 'notification-failed':
      return [{ event: 'notification_failed', level: 'warning', name: event.name, error: event.message }];
    case 'run-finished': {
      const failed = failedToBegin(event.result, counts);
      counts.failed += failed.length;
      return [...failed, completed(event.result, counts)];
    }
    case 'run-planned':
      return [{ event: 'backup_scheduled', level: 'info', at: event.at.toISOString(), in_seconds: event.inSeconds }];
    default:
      return [];
  }
}
