import { HoldfastError } from '../base/errors.ts';

/** The statuses that the product promises; scripts rely on them. */
export const exitStatus = {
  done: 0,
  fatal: 1,
  runFailed: 2,
  partial: 3,
  repositoryAbsent: 10,
  lockFailed: 11,
  wrongPassword: 12,
  interrupted: 130,
} as const;

/** Codes, or whole layers, that do not end with `runFailed`. The longest match wins. */
const statusByCode: Readonly<Record<string, number>> = {
  cli: exitStatus.fatal,
  config: exitStatus.fatal,
  'engine/no-sources': exitStatus.fatal,
  'engine/wrong-target': exitStatus.fatal,
  'engine/interrupted': exitStatus.interrupted,
  'engine/locked': exitStatus.lockFailed,
  'source/bad-pattern': exitStatus.fatal,
  'source/bad-address': exitStatus.fatal,
  'store/bad-address': exitStatus.fatal,
  'vault/ambiguous': exitStatus.fatal,
  'vault/bad-name': exitStatus.fatal,
  'vault/bad-options': exitStatus.fatal,
  'vault/not-found': exitStatus.fatal,
  'vault/no-repository': exitStatus.repositoryAbsent,
  'vault/locked': exitStatus.lockFailed,
  'vault/name-taken': exitStatus.fatal,
  'vault/wrong-key': exitStatus.wrongPassword,
  'vault/key-needed': exitStatus.wrongPassword,
};

/** The exit status for something that was thrown. */
export function exitStatusOf(error: unknown): number {
  if (!(error instanceof HoldfastError)) return exitStatus.runFailed;
  const layer = error.code.split('/', 1)[0] ?? '';
  return statusByCode[error.code] ?? statusByCode[layer] ?? exitStatus.runFailed;
}

const ofRepositories: ReadonlySet<number> = new Set([
  exitStatus.repositoryAbsent,
  exitStatus.lockFailed,
  exitStatus.wrongPassword,
]);

/** The exit status of a run that has failed: what kept it from the repository, where that is all that went wrong. */
export function exitStatusOfFailures(errors: readonly unknown[]): number {
  const [status = exitStatus.runFailed, ...others] = new Set(errors.map(exitStatusOf));
  return others.length === 0 && ofRepositories.has(status) ? status : exitStatus.runFailed;
}
