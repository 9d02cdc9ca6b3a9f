import { keyOf, type Mistake } from '../mistakes.ts';
import type { DocumentPath } from '../documents/yaml-document.ts';

type Members = Readonly<Record<string, unknown>>;

/** The members of a map or a list, or none where something else stands. */
export const membersOf = (value: unknown): Members =>
  typeof value === 'object' && value !== null ? (value as Members) : {};

/** Types that are written by their names and are not there yet. */
const types: Readonly<Record<string, string>> = {
  'docker-volume': 'sources of the type "docker-volume" are',
};

/** Keys of a job that are not there yet. */
const jobKeys: Readonly<Record<string, string>> = { drill: 'restore drills are', hooks: 'hooks are' };

/** What a native document asks for and this version lacks: said as such, rather than as a spelling mistake. */
export function unavailableParts(
  document: unknown,
  lineOf: (path: DocumentPath) => number | undefined,
): readonly Mistake[] {
  const mistakes: Mistake[] = [];
  const refuse = (path: DocumentPath, what: string): void => {
    mistakes.push({ line: lineOf(path), key: keyOf(path), message: `${what} not available in this version` });
  };
  const checkType = (path: DocumentPath, value: unknown): void => {
    const type = membersOf(value)['type'];
    const what = typeof type === 'string' && Object.hasOwn(types, type) ? types[type] : undefined;
    if (what !== undefined) refuse([...path, 'type'], what);
  };
  const { jobs } = membersOf(document);
  for (const [name, job] of Object.entries(membersOf(jobs))) {
    for (const [key, what] of Object.entries(jobKeys))
      if (Object.hasOwn(membersOf(job), key)) refuse(['jobs', name, key], what);
    for (const [index, source] of Object.entries(membersOf(membersOf(job)['sources'])))
      checkType(['jobs', name, 'sources', Number(index)], source);
  }
  return mistakes;
}
