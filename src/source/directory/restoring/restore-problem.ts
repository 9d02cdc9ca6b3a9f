/** Something of an entry that could not be put back; the rest of it was, and the restore went on. */
export interface RestoreProblem {
  /** For people; empty when it is about the whole restore. */
  readonly path: string;
  readonly kind: 'owner' | 'mode' | 'attribute' | 'time' | 'special-file' | 'hard-link' | 'content';
  readonly message: string;
}

export type ReportRestoreProblem = (problem: RestoreProblem) => void;
