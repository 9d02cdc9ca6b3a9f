import type { RestorePoint } from '../../vault/index.ts';

/** What one retention policy is counted over: the restore points of one source of one job, in one vault. */
export interface RetentionTarget {
  readonly job: string;
  readonly source: { readonly type: string; readonly name: string };
  /** Only where targets are told apart by host too. */
  readonly host?: string;
  /** Only where targets are told apart by paths too. */
  readonly paths?: readonly string[];
}

export interface TargetOptions {
  /**
   * Tells the machines apart that keep a source of the same name under the same job in one vault. Off unless given:
   * a container has another host name each time it is started, and each would be a target with one restore point.
   */
  readonly byHost?: boolean;
  /** Tells sources apart that have the same name and job, but were read from elsewhere. Off unless given. */
  readonly byPaths?: boolean;
}

export function targetOf({ job, source, host }: RestorePoint, options: TargetOptions = {}): RetentionTarget {
  return {
    job,
    source: { type: source.type, name: source.name },
    ...(options.byHost === true ? { host } : {}),
    ...(options.byPaths === true ? { paths: source.paths } : {}),
  };
}

/** The same text for the same target, and another for another. */
export function targetKey({ job, source, host, paths }: RetentionTarget): string {
  return JSON.stringify([job, source.type, source.name, host ?? null, paths ?? null]);
}

/** For people: "postgres shop (job nightly)". */
export function targetLabel({ job, source, host, paths }: RetentionTarget): string {
  const where = [host === undefined ? '' : ` on ${host}`, paths === undefined ? '' : `, ${paths.join(', ')}`];
  return `${source.type} ${source.name} (job ${job}${where.join('')})`;
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
