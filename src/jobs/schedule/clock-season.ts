/**
 * A time during which a zone's clocks run on without being set: from one change to the next. `fromMs` and `untilMs` are
 * moments (milliseconds since 1970); an offset is what the clocks show less UTC.
 */
export interface ClockSeason {
  readonly fromMs: number;
  /** The first moment that is no longer in it. */
  readonly untilMs: number;
  readonly offsetMs: number;
  /** The offset before `fromMs`; larger than `offsetMs` when the clocks were set back. */
  readonly earlierOffsetMs: number;
}

const offsetMsOf = (time: Temporal.ZonedDateTime): number => time.offsetNanoseconds / 1e6;

/** The season that a moment lies in, by the machine's zone database. RangeError when there is no such zone. */
export function clockSeason(momentMs: number, timezone: string): ClockSeason {
  const time = Temporal.Instant.fromEpochMilliseconds(momentMs).toZonedDateTimeISO(timezone);
  // "previous" leaves out a change at the very moment that is asked for.
  const from = time.add({ nanoseconds: 1 }).getTimeZoneTransition('previous');
  const until = time.getTimeZoneTransition('next');
  return {
    fromMs: from?.epochMilliseconds ?? -Infinity,
    untilMs: until?.epochMilliseconds ?? Infinity,
    offsetMs: offsetMsOf(time),
    earlierOffsetMs: from ? offsetMsOf(from.subtract({ nanoseconds: 1 })) : offsetMsOf(time),
  };
}
