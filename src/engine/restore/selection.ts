import { createPathFilter, type SourceEntry } from '../../source/index.ts';
import { innerPath } from './dump-file.ts';

const slash = 0x2f;

/** Which paths the globs take; undefined where there are none. A path that names a folder or file exactly takes it with all that is in it. */
export function selection(
  include: readonly string[],
  exclude: readonly string[] = [],
): ((entry: SourceEntry) => boolean) | undefined {
  if (include.length + exclude.length === 0) return undefined;
  const anchored = include.map((glob) => (/^!|[*?[]/.test(glob) ? glob : `/${innerPath(glob).toString()}`));
  const filter = createPathFilter({ include: anchored, exclude });
  return ({ path, type }) => {
    let within = filter;
    for (let end = path.indexOf(slash); end >= 0; end = path.indexOf(slash, end + 1)) {
      const folder = path.subarray(0, end);
      if (within.decide(folder, true) === 'skip') return false;
      within = within.enter(folder, undefined);
    }
    return within.decide(path, type === 'directory') === 'keep';
  };
}
