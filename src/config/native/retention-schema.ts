import { z } from 'zod';
import { count, span } from './fields.ts';

/** What is kept: of a job, of one of its sources, or in one of its vaults. */
export const retention = z
  .strictObject({
    last: count(1, 1_000_000).exactOptional(),
    hourly: count(1, 1_000_000).exactOptional(),
    daily: count(1, 1_000_000).exactOptional(),
    weekly: count(1, 1_000_000).exactOptional(),
    monthly: count(1, 1_000_000).exactOptional(),
    yearly: count(1, 1_000_000).exactOptional(),
    days: count(1, 1_000_000).exactOptional(),
    within: span.exactOptional(),
  })
  .refine((policy) => Object.keys(policy).length > 0, {
    error: 'at least one rule, such as { daily: 7 }',
    when: ({ issues }) => issues.length === 0, // a misspelt rule is one mistake, not two
  });
