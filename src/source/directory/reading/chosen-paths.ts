const slash = 0x2f;

interface Chosen {
  /** The names below that lead to chosen paths; undefined where the whole is chosen. */
  below: Map<string, Chosen> | undefined;
}

/** Some paths of a tree, each with all that is in it. */
export class ChosenPaths {
  private readonly root: Chosen = { below: new Map() };

  /** Paths relative to the root of the tree; the empty one chooses all. */
  constructor(paths: readonly Buffer[]) {
    for (const path of paths) this.choose(path);
  }

  /** The names (in latin1) of a directory that lead to chosen paths, in ascending order; undefined when all that is in it is chosen. */
  namesIn(path: Buffer): readonly string[] | undefined {
    let at: Chosen | undefined = this.root;
    for (const segment of segmentsOf(path)) {
      if (at?.below === undefined) return undefined;
      at = at.below.get(segment);
    }
    if (!at?.below) return undefined;
    return [...at.below.keys()].sort();
  }

  private choose(path: Buffer): void {
    let at = this.root;
    for (const segment of segmentsOf(path)) {
      if (!at.below) return; // within what is chosen already
      const next: Chosen = at.below.get(segment) ?? { below: new Map() };
      at.below.set(segment, next);
      at = next;
    }
    at.below = undefined;
  }
}

/** The names of a path in latin1, which keeps bytes apart. */
function segmentsOf(path: Buffer): string[] {
  const text = path.toString('latin1');
  return text.split(String.fromCharCode(slash)).filter((segment) => segment !== '');
}
