import { keyOf, type Mistake } from '../mistakes.ts';
import { membersOf } from './unavailable.ts';
import type { DocumentPath } from '../documents/yaml-document.ts';

/**
 * Names that point nowhere in a native document: a vault's store, a job's vaults and notifications. The document may
 * be wrong in other ways too.
 */
export function danglingNames(document: unknown, lineOf: (path: DocumentPath) => number | undefined): Mistake[] {
  const { stores, vaults, jobs, notifications } = membersOf(document);
  const mistakes: Mistake[] = [];
  const check = (path: DocumentPath, name: unknown, kind: string, known: unknown): void => {
    if (typeof name !== 'string' || Object.hasOwn(membersOf(known), name)) return;
    const names = Object.keys(membersOf(known)).map((key) => JSON.stringify(key));
    const expected = names.length === 0 ? `no ${kind} is defined` : `expected one of the ${kind}s: ${names.join(', ')}`;
    mistakes.push({ line: lineOf(path), key: keyOf(path), message: `found ${JSON.stringify(name)}; ${expected}` });
  };
  for (const [name, vault] of Object.entries(membersOf(vaults)))
    check(['vaults', name, 'store'], membersOf(vault)['store'], 'store', stores);
  for (const [name, job] of Object.entries(membersOf(jobs))) {
    for (const [index, vault] of Object.entries(membersOf(membersOf(job)['vaults']))) {
      const path = ['jobs', name, 'vaults', Number(index)];
      if (typeof vault === 'string') check(path, vault, 'vault', vaults);
      else check([...path, 'name'], membersOf(vault)['name'], 'vault', vaults);
    }
    for (const [index, target] of Object.entries(membersOf(membersOf(job)['notify'])))
      check(['jobs', name, 'notify', Number(index)], target, 'notification', notifications);
  }
  return mistakes;
}
