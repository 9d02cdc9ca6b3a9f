import { sourceError } from '../../errors.ts';
import type { GitignoreRule } from './gitignore.ts';
import { matchGitignore, parseGitignore, parseGitignoreRule } from './gitignore.ts';

/** keep: it belongs to the source. traverse: a directory that only counts if something in it does. */
export type FilterDecision = 'keep' | 'skip' | 'traverse';

/** The rules that hold within one directory. */
export interface DirectoryFilter {
  /** Decides on a path relative to the source's root. */
  decide(path: Buffer, isDirectory: boolean): FilterDecision;
  /** The filter within the directory `path`, which this filter didn't skip; `ignoreFile` is its ignore file's content. */
  enter(path: Buffer, ignoreFile: Buffer | undefined): DirectoryFilter;
}

export interface PathFilterSpec {
  readonly include?: readonly string[] | undefined;
  readonly exclude?: readonly string[] | undefined;
  /** The absolute path before each that `exclude` is matched against; they are matched as they stand unless given. */
  readonly base?: Buffer | undefined;
}

/** The rules of one ignore file; `depth` is how many characters of a path lead to its directory, with the slash. */
interface IgnoreFile {
  readonly depth: number;
  readonly rules: readonly GitignoreRule[];
}

function parsePattern(pattern: string, option: string): GitignoreRule {
  const broken = /[\0\n]/.test(pattern);
  const rule = broken ? undefined : parseGitignoreRule(Buffer.from(pattern, 'utf8').toString('latin1'));
  if (rule) return rule;
  throw sourceError('bad-pattern', {
    message: `The ${option} pattern ${JSON.stringify(pattern)} can't match anything.`,
    hint: 'Patterns are written as in .gitignore: "*.tmp", "/cache/", "!keep.tmp". A leading "#" needs a backslash, a "[" its "]".',
    context: { option, pattern },
  });
}

class LayeredFilter implements DirectoryFilter {
  private readonly include: readonly GitignoreRule[] | undefined;
  private readonly exclude: readonly GitignoreRule[];
  /** The deepest first: it has the last word. */
  private readonly ignoreFiles: readonly IgnoreFile[];
  private readonly included: boolean;
  private readonly base: string;

  constructor(parts: {
    readonly include: readonly GitignoreRule[] | undefined;
    readonly exclude: readonly GitignoreRule[];
    readonly ignoreFiles: readonly IgnoreFile[];
    readonly included: boolean;
    readonly base: string;
  }) {
    this.include = parts.include;
    this.exclude = parts.exclude;
    this.ignoreFiles = parts.ignoreFiles;
    this.included = parts.included;
    this.base = parts.base;
  }

  decide(path: Buffer, isDirectory: boolean): FilterDecision {
    if (!this.include && this.exclude.length === 0 && this.ignoreFiles.length === 0) return 'keep';
    const text = path.toString('latin1');
    if (this.isExcluded(text, isDirectory)) return 'skip';
    if (this.isIncluded(text, isDirectory)) return 'keep';
    return isDirectory ? 'traverse' : 'skip';
  }

  enter(path: Buffer, ignoreFile: Buffer | undefined): DirectoryFilter {
    const rules = ignoreFile ? parseGitignore(ignoreFile) : [];
    const included = path.length > 0 && this.include ? this.isIncluded(path.toString('latin1'), true) : this.included;
    if (rules.length === 0 && included === this.included) return this;
    const depth = path.length === 0 ? 0 : path.length + 1;
    const ignoreFiles = rules.length > 0 ? [{ depth, rules }, ...this.ignoreFiles] : this.ignoreFiles;
    const { include, exclude, base } = this;
    return new LayeredFilter({ include, exclude, ignoreFiles, included, base });
  }

  private isExcluded(path: string, isDirectory: boolean): boolean {
    let verdict = matchGitignore(this.exclude, this.base + path, isDirectory);
    for (const { depth, rules } of this.ignoreFiles) {
      if (verdict) break;
      verdict = matchGitignore(rules, path.slice(depth), isDirectory);
    }
    return verdict === 'matched';
  }

  private isIncluded(path: string, isDirectory: boolean): boolean {
    if (!this.include) return true;
    const verdict = matchGitignore(this.include, path, isDirectory);
    return verdict === undefined ? this.included : verdict === 'matched';
  }
}

/**
 * The filter of a source's root. What `exclude` says wins over ignore files ("!" included), and a deeper ignore file
 * wins over a higher one. With `include`, only what it matches is kept, with the directories that lead there; what is
 * in a matched directory is kept with it; an empty list is none. Throws source/bad-pattern.
 */
export function createPathFilter({ include = [], exclude, base }: PathFilterSpec): DirectoryFilter {
  const included = include.map((pattern) => parsePattern(pattern, 'include'));
  return new LayeredFilter({
    include: included.length > 0 ? included : undefined,
    exclude: (exclude ?? []).map((pattern) => parsePattern(pattern, 'exclude')),
    ignoreFiles: [],
    included: included.length === 0,
    base: base ? `${base.toString('latin1').replace(/^\/|\/$/g, '')}/`.replace(/^\/$/, '') : '',
  });
}
