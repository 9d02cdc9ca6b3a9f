import type { Clock } from '../../base/clock.ts';
import { messageOf } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import { registerSecret } from '../../base/secrets.ts';
import type { NotificationSpec } from '../../config/index.ts';
import type { JobResult } from '../job-result.ts';
import type { RunEvent } from '../run-event.ts';
import { deliver } from './deliver.ts';
import { notificationBody } from './notification-body.ts';

export interface NotifyOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly host: string;
  readonly signal: AbortSignal;
  readonly tell: (event: RunEvent) => void;
}

/** A heartbeat beats for good runs only: what is missing must be missed. */
function isWanted(spec: NotificationSpec, { status }: JobResult): boolean {
  if (status === 'locked') return false; // the run that has the lock tells of itself
  if (spec.type === 'heartbeat') return status === 'ok';
  return status === 'ok' ? spec.onSuccess : spec.onFailure;
}

/** Tells everyone who wants to know. Never rejects: what can't be delivered is a warning. */
export async function notifyAll(
  specs: readonly NotificationSpec[],
  result: JobResult,
  options: NotifyOptions,
): Promise<void> {
  const wanted = specs.filter((spec) => isWanted(spec, result));
  await Promise.all(
    wanted.map(async (spec) => {
      registerSecret(spec.url);
      try {
        const body = spec.type === 'webhook' ? notificationBody(spec, result, options.host) : undefined;
        await deliver(spec, body, options);
      } catch (error) {
        const message = messageOf(error);
        options.logger.warn(`A notification failed: ${message}`, { notification: spec.name });
        options.tell({ type: 'notification-failed', name: spec.name, message });
      }
    }),
  );
}
