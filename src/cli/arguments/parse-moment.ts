import { InvalidArgumentError } from 'commander';

const written =
  /^(?:(?<year>\d{4})-(?<month>\d\d)-(?<day>\d\d)|(?<day2>\d\d)\.(?<month2>\d\d)\.(?<year2>\d{4}))(?:[ T](?<clock>\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?)(?: ?(?<zone>Z|UTC|GMT|[+-]\d\d:?\d\d))?)?$/;

/**
 * A moment as restic takes it, in nanoseconds since 1970: "2024-02-29", "2024-02-29 13:45", "2024-02-29 13:45:00" or the
 * same with "29.02.2024", of this machine's time zone unless one is given ("+0100", "UTC"). Undefined for what is none.
 */
export function parseMoment(text: string): bigint | undefined {
  const { groups } = written.exec(text.trim()) ?? {};
  if (!groups) return undefined;
  const { year, year2, month, month2, day, day2, clock = '00:00', zone } = groups;
  const named = zone === undefined || /^[+-]/.test(zone) ? zone : 'Z';
  try {
    const local = Temporal.PlainDateTime.from(`${year ?? year2}-${month ?? month2}-${day ?? day2}T${clock}`);
    if (named !== undefined) return Temporal.Instant.from(`${local.toString()}${named}`).epochNanoseconds;
    return local.toZonedDateTime(Temporal.Now.timeZoneId()).epochNanoseconds;
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** The same for an option's argument, which must be one. */
export function parseMomentOption(text: string): bigint {
  const momentNs = parseMoment(text);
  if (momentNs !== undefined) return momentNs;
  throw new InvalidArgumentError('A time such as "2024-02-29 13:45:00" is expected.');
}
