import { formatBytes } from '../../base/bytes.ts';
import { HoldfastError, messageOf } from '../../base/errors.ts';
import { scrub, scrubbedText } from '../../base/secrets.ts';
import type { NotificationSpec } from '../../config/index.ts';
import { failuresOf, secondsOf, type JobResult } from '../job-result.ts';

/** Discord refuses messages of more than 2000 characters. */
const longestText = 1800;

const words = {
  ok: 'succeeded',
  partial: 'is PARTIAL: something is missing',
  failed: 'FAILED: there is no restore point',
  locked: 'did not begin: another run is under way',
} as const;

/** What happened, for people. */
export function notificationText(result: JobResult, host: string): string {
  const points = result.sources.flatMap(({ restorePoints }) => restorePoints);
  const bytes = points.reduce((sum, { storedBytes }) => sum + storedBytes, 0);
  const kept = points.length === 0 ? '' : ` ${points.length} restore point(s), ${formatBytes(bytes)} stored.`;
  const why = failuresOf(result).map(({ about, error }) => `\n- ${about}: ${messageOf(error)}`);
  const head = `Backup "${result.job}" on ${host} ${words[result.status]} (${secondsOf(result).toFixed(1)} s).${kept}`;
  const text = scrub(head + why.join(''));
  return text.length > longestText ? `${text.slice(0, longestText)}…` : text;
}

function jsonBody(result: JobResult, host: string): Record<string, unknown> {
  return {
    event: result.status === 'ok' ? 'backup_completed' : `backup_${result.status}`,
    job: result.job,
    runId: result.runId,
    status: result.status,
    startedAt: result.startedAt.toISOString(),
    finishedAt: result.finishedAt.toISOString(),
    durationSeconds: secondsOf(result),
    host,
    restorePoints: result.sources.flatMap(({ restorePoints }) =>
      restorePoints.map(({ id, vault, status, source, sizeBytes, storedBytes, keys }) => ({
        id,
        vault,
        status,
        source: { type: source.type, name: source.name },
        sizeBytes,
        storedBytes,
        keys: keys.slice(0, 10),
      })),
    ),
    problems: result.sources.reduce((sum, { problems }) => sum + problems.length, 0),
    failures: failuresOf(result).map(({ about, error }) => ({
      about,
      code: error instanceof HoldfastError ? error.code : null,
      message: messageOf(error),
    })),
    text: notificationText(result, host),
  };
}

/** The form that the service behind a webhook's address reads. */
export function formatOf({ url, format }: NotificationSpec): 'json' | 'slack' | 'discord' {
  if (format) return format;
  const host = URL.canParse(url) ? new URL(url).hostname : '';
  if (/(?:^|\.)slack\.com$/.test(host)) return 'slack';
  return /(?:^|\.)(?:discord|discordapp)\.com$/.test(host) ? 'discord' : 'json';
}

/** The body of a webhook's POST, as JSON without a secret in it. */
export function notificationBody(spec: NotificationSpec, result: JobResult, host: string): string {
  const format = formatOf(spec);
  const text = notificationText(result, host);
  if (format === 'slack') return JSON.stringify({ text });
  if (format === 'discord') return JSON.stringify({ content: text, allowed_mentions: { parse: [] } });
  return JSON.stringify(jsonBody(result, host), scrubbedText);
}
