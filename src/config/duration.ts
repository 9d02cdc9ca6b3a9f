const secondsOf: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };

/** The seconds of "90s", "5m", "1h30m", "2d", "1w" or "900" (seconds); undefined when the text is no duration. */
export function parseDuration(text: string): number | undefined {
  const trimmed = text.trim();
  if (/^\d+$/.test(trimmed)) return Number(trimmed);
  if (!/^(?:\d+[smhdw]\s*)+$/.test(trimmed)) return undefined;
  return [...trimmed.matchAll(/(\d+)([smhdw])/g)].reduce(
    (sum, [, amount, unit = 's']) => sum + Number(amount) * (secondsOf[unit] ?? 1),
    0,
  );
}
