import type { Clock } from '../../base/clock.ts';
import { type HoldfastError, messageOf, systemCode } from '../../base/errors.ts';
import { registerSecret, scrub } from '../../base/secrets.ts';
import type { NotificationSpec } from '../../config/index.ts';
import { jobsError } from '../errors.ts';

const defaultAttempts = 3;
const defaultDelaySeconds = 5;
const defaultTimeoutMs = 10_000;
const mostRedirects = 5;
const redirectStatuses = new Set([301, 302, 303, 307, 308]);

/** Statuses after which the same request may be taken. */
const retriedStatuses = new Set([408, 425, 429]);

export interface DeliverOptions {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** How long one attempt may take; 10 000 unless given. */
  readonly timeoutMs?: number;
}

/** What an attempt came to: done, or why not and whether it is worth another one. */
type Attempt = { readonly done: true } | { readonly done: false; readonly why: string; readonly again: boolean };

function whyNot(error: unknown): string {
  const { cause } = error as { readonly cause?: unknown };
  const code = systemCode(cause);
  if (error instanceof DOMException && error.name === 'TimeoutError') return 'no answer in time';
  return scrub(code ?? messageOf(cause ?? error));
}

/** Sends the request where redirects lead: `fetch` alone would turn a POST into a GET on the way, and lose the body. */
async function request(url: string, body: string | undefined, signal: AbortSignal): Promise<Response> {
  let target = url;
  for (let redirects = 0; ; redirects += 1) {
    const response = await fetch(target, {
      method: body === undefined ? 'GET' : 'POST',
      redirect: 'manual',
      signal,
      ...(body === undefined ? {} : { body, headers: { 'content-type': 'application/json' } }),
    });
    await response.body?.cancel();
    const location = redirectStatuses.has(response.status) ? response.headers.get('location') : null;
    if (location === null || redirects === mostRedirects) return response;
    target = registerSecret(new URL(location, target).href);
  }
}

async function attempt(
  { url }: NotificationSpec,
  body: string | undefined,
  { signal, timeoutMs = defaultTimeoutMs }: DeliverOptions,
): Promise<Attempt> {
  try {
    const response = await request(url, body, AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]));
    if (response.ok) return { done: true };
    const again = response.status >= 500 || retriedStatuses.has(response.status);
    return { done: false, why: `the service answered ${response.status}`, again };
  } catch (error) {
    signal.throwIfAborted();
    return { done: false, why: whyNot(error), again: true };
  }
}

/**
 * Sends one notification: a POST of `body`, or a GET without one. Tries again after resets, time-outs, 5xx and 429, with
 * a pause that doubles; follows redirects with the same request. Throws jobs/notification-failed, which names the notification and never its address.
 */
export async function deliver(
  spec: NotificationSpec,
  body: string | undefined,
  options: DeliverOptions,
): Promise<void> {
  const { clock, signal } = options;
  const attempts = spec.attempts ?? defaultAttempts;
  const failure = (why: string, made: number): HoldfastError =>
    jobsError('notification-failed', {
      message: `the ${spec.type} "${spec.name}" could not be delivered in ${made} attempt(s): ${why}`,
      hint: 'Check its address, and that this machine reaches the service.',
    });
  for (let made = 1; ; made += 1) {
    const outcome = await attempt(spec, body, options);
    if (outcome.done) return;
    if (!outcome.again || made >= attempts) throw failure(outcome.why, made);
    await clock.sleep((spec.delaySeconds ?? defaultDelaySeconds) * 1000 * 2 ** (made - 1), signal);
  }
}
