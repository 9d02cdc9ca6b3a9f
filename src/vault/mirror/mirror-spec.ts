import { vaultError } from '../errors.ts';
import type { NewRestorePoint } from '../vault.ts';
import { escapePath } from './object-key.ts';

/**
 * How a mirror vault keeps sources: each file as one plain object, and a manifest. {job}, {source} and {host} stand for
 * the run's own in `layout`, `manifestKey` and `localManifest`.
 */
export interface MirrorVaultSpec {
  readonly type: 'mirror';
  /** What the keys of a source's objects begin with; "{source}/" unless given. Empty: they are the paths themselves. */
  readonly layout?: string;
  /** The key of a source's manifest; "{source}.manifest.json" unless given. */
  readonly manifestKey?: string;
  /** A file on this machine that gets a copy of the manifest, and spares the next run to fetch it. */
  readonly localManifest?: string;
  /** Deletes the objects of files that are gone, once a run without problems has ended. Else they stay for ever. */
  readonly delete?: boolean;
  /** Uploads every file, whatever the manifest knows. */
  readonly full?: boolean;
}

export const defaultLayout = '{source}/';
export const defaultManifestKey = '{source}.manifest.json';

/** Where the mirror of one source stands. */
export interface MirrorPlace {
  /** What the keys of its objects begin with. */
  readonly prefix: string;
  readonly manifestKey: string;
  /** What the keys of its journal begin with; see journal.ts. */
  readonly pendingPrefix: string;
  /** The path of the manifest's copy on this machine. */
  readonly localManifest?: string;
}

const placeholder = /\{([^{}]*)\}/g;
const placeholders = ['job', 'source', 'host'] as const;
type Placeholder = (typeof placeholders)[number];

function checkTemplate(option: string, template: string): void {
  const unknown = [...template.matchAll(placeholder)].find(
    ([, name]) => !placeholders.some((known) => known === name),
  )?.[0];
  const fixed = template.replaceAll(placeholder, 'x').replace(/\/$/, '');
  const isKey = fixed === '' || fixed.split('/').every((segment) => !['', '.', '..'].includes(segment));
  if (unknown === undefined && isKey && !/[\p{Cc}{}]/u.test(fixed)) return;
  throw vaultError('bad-options', {
    message:
      unknown === undefined
        ? `The ${option} "${template}" of the mirror makes no key.`
        : `The ${option} "${template}" of the mirror has the unknown placeholder ${unknown}.`,
    hint: `Use something like "${defaultManifestKey}"; placeholders: ${placeholders.map((name) => `{${name}}`).join(' ')}.`,
  });
}

/** vault/bad-options unless the templates of a mirror can be keys. */
export function checkMirrorSpec({ layout = defaultLayout, manifestKey = defaultManifestKey }: MirrorVaultSpec): void {
  checkTemplate('layout', layout);
  checkTemplate('manifestKey', manifestKey);
  if (manifestKey !== '' && !manifestKey.endsWith('/')) return;
  throw vaultError('bad-options', {
    message: `The manifestKey "${manifestKey}" of the mirror names no object.`,
    hint: `Use something like "${defaultManifestKey}".`,
  });
}

/** A name as one segment of a key. */
const segmentOf = (name: string): string =>
  escapePath(Buffer.from(name)).replaceAll('/', '%2F').replace(/^\.+$/, '%2E') || '%';

/** Where a run's source goes. */
export function placeOf(spec: MirrorVaultSpec, point: NewRestorePoint): MirrorPlace {
  const values: Readonly<Record<Placeholder, string>> = {
    job: segmentOf(point.job),
    source: segmentOf(point.source.name),
    host: segmentOf(point.host),
  };
  const fill = (template: string): string =>
    template.replaceAll(placeholder, (_, name: string) => values[name as Placeholder]);
  const manifestKey = fill(spec.manifestKey ?? defaultManifestKey);
  return {
    prefix: fill(spec.layout ?? defaultLayout),
    manifestKey,
    pendingPrefix: pendingPrefixOf(manifestKey),
    ...(spec.localManifest === undefined ? {} : { localManifest: fill(spec.localManifest) }),
  };
}

export const pendingPrefixOf = (manifestKey: string): string => `${manifestKey}.pending/`;

/** Which keys are manifests: those of `segments` segments below `prefix` that match. */
export interface ManifestPattern {
  readonly prefix: string;
  readonly segments: number;
  readonly matches: RegExp;
  /** Set when there can be only one. */
  readonly only?: string;
}

const literal = (text: string): string => text.replaceAll(/[.*+?^$()|[\]\\]/g, String.raw`\$&`);

export function manifestPatternOf({ manifestKey = defaultManifestKey }: MirrorVaultSpec): ManifestPattern {
  const prefix = manifestKey.replace(/\{.*$/s, '');
  const pattern = manifestKey
    .split(/(\{[a-z]+\})/)
    .map((part) => (part.startsWith('{') ? '[^/]+' : literal(part)))
    .join('');
  return {
    prefix,
    segments: manifestKey.split('/').length,
    matches: new RegExp(`^${pattern}$`),
    ...(prefix === manifestKey ? { only: manifestKey } : {}),
  };
}
