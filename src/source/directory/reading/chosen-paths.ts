const slash = 0x2f;

interface Chosen {
  /** True where all that is in it is chosen. */
  whole: boolean;
  /** The names below that lead to chosen paths. */
  readonly below: Map<string, Chosen>;
}

const nothingChosen = (): Chosen => ({ whole: false, below: new Map() });

/** Some paths of a tree, each with all that is in it. */
export class ChosenPaths {
  private readonly root: Chosen = nothingChosen();

  /** Paths relative to the root of the tree; the empty one chooses all. */
  constructor(paths: readonly Buffer[]) {
    for (const path of paths) this.choose(path);
  }

  /** The names (in latin1) of a directory that lead to chosen paths, in ascending order; undefined when all that is in it is chosen. */
  namesIn(path: Buffer): readonly string[] | undefined {
    let at: Chosen | undefined = this.root;
    for (const segment of segmentsOf(path)) {
      if (!at || at.whole) return undefined;
      at = at.below.get(segment);
    }
    return at && !at.whole ? [...at.below.keys()].sort() : undefined;
  }

  /** Whether a path that was chosen goes on below this one. */
  leadBelow(path: Buffer): boolean {
    let at: Chosen | undefined = this.root;
    for (const segment of segmentsOf(path)) at = at?.below.get(segment);
    return at !== undefined && at.below.size > 0;
  }

  private choose(path: Buffer): void {
    let at = this.root;
    for (const segment of segmentsOf(path)) {
      const next = at.below.get(segment) ?? nothingChosen();
      at.below.set(segment, next);
      at = next;
    }
    at.whole = true;
  }
}

/** The names of a path in latin1, which keeps bytes apart. */
function segmentsOf(path: Buffer): string[] {
  const text = path.toString('latin1');
  return text.split(String.fromCharCode(slash)).filter((segment) => segment !== '');
}
