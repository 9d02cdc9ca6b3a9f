import { momentAt } from '../../base/clock.ts';
import type { ObjectInfo, ObjectStore } from '../../store/index.ts';
import type { RestorePoint } from '../vault.ts';
import type { ArchiveVaultSpec } from './archive-spec.ts';
import { sealExtension } from './encryption/encryption.ts';
import { artefactStem, defaultLayout } from './layout.ts';
import { idOf, manifestSuffix } from './manifest.ts';
import { pendingSuffix } from './pending-marker.ts';

const digits = { date: '\\d{8}', time: '\\d{6}' } as const;
const escaped = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** What follows the stem in a key, without what encryption adds. */
function extensionOf(spec: ArchiveVaultSpec, { keys, ...point }: RestorePoint): string {
  const extension = (keys[0] ?? '').slice(artefactStem(spec.layout ?? defaultLayout, point, spec.timezone).length);
  const sealed = Object.values(sealExtension).find((end) => extension.endsWith(end)) ?? '';
  return extension.slice(0, extension.length - sealed.length);
}

/** Matches the keys that a restore point's artefact would have had at other times, sealed or not. */
function namesLike(spec: ArchiveVaultSpec, point: RestorePoint): RegExp {
  const seen = new Set<string>();
  const layout = (spec.layout ?? defaultLayout).replaceAll('{timestamp}', '{date}T{time}Z');
  const segments = layout.split(/(\{[a-z]+\})/).map((part) => {
    const [, name = ''] = /^\{([a-z]+)\}$/.exec(part) ?? [];
    if (name !== 'date' && name !== 'time') return escaped(artefactStem(part, point));
    if (seen.has(name)) return `\\k<${name}>`;
    seen.add(name);
    return `(?<${name}>${digits[name]})`;
  });
  const sealed = Object.values(sealExtension).map(escaped).join('|');
  return new RegExp(`^${segments.join('')}${escaped(extensionOf(spec, point))}(?:${sealed})?$`);
}

/** The moment that a key's date and time say in `timezone`; undefined where there is no such date. */
function momentOf({ date = '', time = '' }: Readonly<Record<string, string>>, timezone: string): Date | undefined {
  try {
    const local = Temporal.PlainDateTime.from(`${date}T${time}`, { overflow: 'reject' });
    return momentAt(local.toZonedDateTime(timezone).epochMilliseconds);
  } catch {
    return undefined;
  }
}

/**
 * Artefacts that another program left under the names which those `made`, restore points of ours, would have had at earlier times: without a
 * manifest, and nobody writes them now. Nothing is known of them but the moment in their names and their size, so they are none of the
 * good ones. A layout with {run} has no such names.
 */
export async function findForeign(
  store: ObjectStore,
  spec: ArchiveVaultSpec,
  { made, signal }: { readonly made: readonly RestorePoint[]; readonly signal: AbortSignal },
): Promise<RestorePoint[]> {
  const layout = spec.layout ?? defaultLayout;
  if (layout.includes('{run}')) return [];
  const kinds = made.map((point) => ({ point, pattern: namesLike(spec, point) }));
  const timezone = layout.includes('{timestamp}') ? 'UTC' : (spec.timezone ?? 'UTC');
  const found = new Map<string, RestorePoint>();
  for await (const info of store.list({ prefix: layout.split('{')[0] ?? '', signal })) {
    for (const suffix of [manifestSuffix, pendingSuffix])
      if (info.key.endsWith(suffix)) found.delete(info.key.slice(0, -suffix.length));
    for (const { point, pattern } of kinds) {
      const said = pattern.exec(info.key)?.groups;
      const startedAt = said && momentOf(said, timezone);
      if (startedAt && startedAt < point.startedAt) found.set(info.key, asPoint(info, startedAt, point));
    }
  }
  return [...found.values()];
}

function asPoint({ key, sizeBytes, modifiedAt }: ObjectInfo, startedAt: Date, made: RestorePoint): RestorePoint {
  const manifestKey = `${key}${manifestSuffix}`;
  const facts = { startedAt, finishedAt: modifiedAt, storedBytes: sizeBytes, keys: [key, manifestKey] };
  return { ...made, ...facts, id: idOf(manifestKey), status: 'partial' };
}
