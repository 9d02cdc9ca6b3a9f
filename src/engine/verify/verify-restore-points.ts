import type { RestorePoint, Vault, VerifyFinding } from '../../vault/index.ts';

/** What verifying one restore point showed; no finding means that it is sound. */
export interface VerifyReport {
  readonly vault: Vault;
  readonly point: RestorePoint;
  readonly findings: readonly VerifyFinding[];
}

export interface VerifyRun {
  readonly readData: boolean;
  readonly signal: AbortSignal;
  readonly onProgress?: (progress: { readonly point: RestorePoint; readonly bytes: number }) => void;
  readonly onReport?: (report: VerifyReport) => void;
}

/** Verifies restore points one after the other; a damaged one does not stop the others. Rejects on abort only. */
export async function verifyRestorePoints(
  points: readonly { readonly vault: Vault; readonly point: RestorePoint }[],
  run: VerifyRun,
): Promise<VerifyReport[]> {
  const reports: VerifyReport[] = [];
  for (const { vault, point } of points) {
    run.signal.throwIfAborted();
    let bytes = 0;
    const findings = await vault.verify(point, {
      readData: run.readData,
      signal: run.signal,
      onBytes: (count) => {
        bytes += count;
        run.onProgress?.({ point, bytes });
      },
    });
    const report = { vault, point, findings };
    run.onReport?.(report);
    reports.push(report);
  }
  return reports;
}
