/** A length of time in the calendar of a time zone: a month is as long as the month is. */
export interface RetentionSpan {
  readonly years?: number;
  readonly months?: number;
  readonly days?: number;
  readonly hours?: number;
}

/**
 * Which restore points of one target (a source of a job, in one vault) are kept. A restore point that any rule keeps is
 * kept; without a rule everything is. The numbers are whole and at least 1.
 */
export interface RetentionPolicy {
  /** The newest so many. */
  readonly last?: number;
  /** The newest of each of so many hours, days, … that have one. */
  readonly hourly?: number;
  readonly daily?: number;
  /** Weeks begin on Monday (ISO 8601). */
  readonly weekly?: number;
  readonly monthly?: number;
  readonly yearly?: number;
  /** Everything that is not older than so many times 24 hours now. */
  readonly days?: number;
  /** Everything that is less than so much older than the newest. */
  readonly within?: RetentionSpan;
  /** The newest of each hour, day, … of that time. */
  readonly withinHourly?: RetentionSpan;
  readonly withinDaily?: RetentionSpan;
  readonly withinWeekly?: RetentionSpan;
  readonly withinMonthly?: RetentionSpan;
  readonly withinYearly?: RetentionSpan;
  /** Everything that has all tags of one of these lists. */
  readonly tags?: readonly (readonly string[])[];
}

/** False for a policy that says nothing, and so keeps everything. */
export function hasRules(policy: RetentionPolicy | undefined): policy is RetentionPolicy {
  return Object.values(policy ?? {}).some((value) => value !== undefined);
}
