import { errorFamily } from '../base/errors.ts';

/** What can go wrong around a run. docs/errors.md says what each means and what to do. */
export const jobsError = errorFamily('jobs', ['same-name', 'no-schedule', 'notification-failed', 'no-answer']);
