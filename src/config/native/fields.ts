import { z } from 'zod';
import { cronProblem, isTimeZone } from '../cron-expression.ts';
import { parseDuration } from '../duration.ts';

// A configuration is checked once: to make code for that, and have V8 compile it, takes longer than to do it.
z.config({ jitless: true });

/** The kinds of values that configurations of every shape are made of. A number or a flag may come out of a variable. */

/** A text that is not empty. */
export const text = z.string().min(1);

/** A text that people also write as a number without quotes (a password of digits, a database "2024"). */
export const looseText = z.preprocess((value) => (typeof value === 'number' ? String(value) : value), text);

/** A whole number. */
export const count = (minimum: number, maximum: number) =>
  z.preprocess(
    (value) => (typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value),
    z.int().min(minimum).max(maximum),
  );

/** True or false. */
export const flag = z.preprocess((value) => (value === 'true' ? true : value === 'false' ? false : value), z.boolean());

/** What the keys of a store begin with; slashes at its ends count for nothing. */
export const keyPrefix = z.string().refine((written) => {
  const inside = written.replaceAll(/^\/+|\/+$/g, '');
  return inside === '' || !(/\p{Cc}/u.test(inside) || inside.split('/').some((part) => /^\.{0,2}$/.test(part)));
}, 'folders with "/" between them, none of them empty, "." or ".."');

/** An address of the web. */
export const url = z.url({ protocol: /^https?$/ });

/** A duration, in seconds or as "5m"; gives seconds. */
export const duration = (minimumSeconds: number, maximumSeconds: number) =>
  z
    .unknown()
    .transform((value, context) => {
      const seconds = typeof value === 'string' ? parseDuration(value) : value;
      if (typeof seconds === 'number' && seconds >= minimumSeconds && seconds <= maximumSeconds) return seconds;
      const bounds = `from ${minimumSeconds} to ${maximumSeconds} seconds`;
      context.addIssue({ code: 'custom', message: `a duration such as 90s, 5m, 1h30m or 2d, ${bounds}` });
      return z.NEVER;
    })
    .meta({ type: ['string', 'integer'], description: 'A duration: 90s, 5m, 1h30m, 2d, or seconds' });

const spanUnits = { y: 'years', m: 'months', d: 'days', h: 'hours' } as const;

/** A length of time in the calendar ("1y6m", "30d"), as restic writes it: m is months. */
export const span = text
  .regex(
    /^(?=.)(?:\d{1,4}y)?(?:\d{1,4}m)?(?:\d{1,5}d)?(?:\d{1,6}h)?$/,
    'a span of years, months, days, hours: 1y6m, 30d',
  )
  .transform((written) =>
    Object.fromEntries(
      [...written.matchAll(/(\d+)([ymdh])/g)].map(([, amount, unit]) => [
        spanUnits[unit as keyof typeof spanUnits],
        Number(amount),
      ]),
    ),
  );

/** A cron expression of five fields. */
export const cron = text.superRefine((expression, context) => {
  const problem = cronProblem(expression);
  if (problem !== undefined)
    context.addIssue({ code: 'custom', message: `five fields such as "0 3 * * *" (${problem})` });
});

export const timezone = text.refine(isTimeZone, 'the name of a time zone such as UTC or America/Sao_Paulo');

/** The name of a store, a vault or a notification. */
export const name = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, 'a name of letters, digits, ".", "_" and "-"');

/** The name of a job: what a person writes on a list. */
export const jobName = z
  .string()
  .regex(
    /^[^\s/\u0000-\u001f\u007f.](?:[^/\u0000-\u001f\u007f]{0,98}[^\s/\u0000-\u001f\u007f])?$/,
    'a name of at most 100 characters without "/"',
  );
