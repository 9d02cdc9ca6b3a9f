import type { RestorePoint } from '../../vault/index.ts';

/**
 * What one retention policy is counted over: the restore points of one source of one job, in one vault. Where sources
 * are not told apart, job and names are empty.
 */
export interface RetentionTarget {
  readonly job: string;
  readonly source: { readonly type: string; readonly name: string };
  /** Only where targets are told apart by host too. */
  readonly host?: string;
  /** Only where targets are told apart by paths too. */
  readonly paths?: readonly string[];
  /** Only where targets are told apart by tags too. */
  readonly tags?: readonly string[];
}

export interface TargetOptions {
  /**
   * Tells the machines apart that keep a source of the same name under the same job in one vault. Off unless given:
   * a container has another host name each time it is started, and each would be a target with one restore point.
   */
  readonly byHost?: boolean;
  /** Tells sources apart that have the same name and job, but were read from elsewhere. Off unless given. */
  readonly byPaths?: boolean;
  /** Tells restore points apart that have other tags. Off unless given. */
  readonly byTags?: boolean;
  /** False: what was backed up under another name or job counts as the same, as restic has it. */
  readonly bySource?: boolean;
}

export function targetOf({ job, source, host, tags }: RestorePoint, options: TargetOptions = {}): RetentionTarget {
  const own = options.bySource !== false;
  return {
    job: own ? job : '',
    source: own ? { type: source.type, name: source.name } : { type: '', name: '' },
    ...(options.byHost === true ? { host } : {}),
    ...(options.byPaths === true ? { paths: source.paths.toSorted() } : {}),
    ...(options.byTags === true ? { tags: tags.toSorted() } : {}),
  };
}

/** The same text for the same target, and another for another. */
export function targetKey({ job, source, host, paths, tags }: RetentionTarget): string {
  return JSON.stringify([job, source.type, source.name, host ?? null, paths ?? null, tags ?? null]);
}

/** For people: "postgres shop (job nightly)". */
export function targetLabel({ job, source, host, paths, tags }: RetentionTarget): string {
  const where = [
    host === undefined ? '' : ` on ${host}`,
    paths === undefined ? '' : `, ${paths.join(', ')}`,
    tags === undefined ? '' : `, tags ${tags.join(', ') || 'none'}`,
  ].join('');
  return source.type === '' ? `all${where}` : `${source.type} ${source.name} (job ${job}${where})`;
}

/** The restore points of each target, in the order in which they came. */
export function groupByTarget(
  points: readonly RestorePoint[],
  options: TargetOptions = {},
): { readonly target: RetentionTarget; readonly points: readonly RestorePoint[] }[] {
  const groups = new Map<string, { readonly target: RetentionTarget; readonly points: RestorePoint[] }>();
  for (const point of points) {
    const target = targetOf(point, options);
    const key = targetKey(target);
    const group = groups.get(key) ?? { target, points: [] };
    group.points.push(point);
    groups.set(key, group);
  }
  return [...groups.values()];
}
