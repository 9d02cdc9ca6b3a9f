import { isMap, isScalar, isSeq, LineCounter, parseDocument, visit, type Document, type Node } from 'yaml';

export type DocumentPath = readonly (string | number)[];

/** A parsed YAML (or JSON) text that still knows on which line each value stands. */
export interface YamlDocument {
  readonly value: unknown;
  /** Syntax errors, with their lines. */
  readonly mistakes: readonly { readonly line: number; readonly message: string }[];
  /** The line, from 1, of the value at `path`, or of the nearest enclosing one. */
  readonly lineOf: (path: DocumentPath) => number;
}

/** The node at `path`: of a map's member the key, so that the line is the one a person looks for. */
function nodeAt(document: Document.Parsed, path: DocumentPath): Node | null {
  let node: Node | null = document.contents;
  let found: Node | null = node;
  for (const step of path) {
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === String(step));
      if (!pair) break;
      found = pair.key as Node;
      node = pair.value as Node | null;
    } else if (isSeq(node)) {
      node = (node.items[Number(step)] as Node | undefined) ?? null;
      found = node ?? found;
    } else break;
  }
  return found;
}

/** What to say instead of the parser's words where these quote the text, which may be a secret. */
const ownWords: Readonly<Record<string, string>> = {
  BAD_DIRECTIVE: 'a "%" at the start of a line is no YAML; put the value in quotes',
  BAD_DQ_ESCAPE: 'a backslash in double quotes begins no escape; use single quotes',
  TAG_RESOLVE_FAILED: 'a value that begins with "!" names a type that there is not; put it in quotes',
  UNEXPECTED_TOKEN: "this can't stand here: a bracket, a quote or the indentation is wrong, here or above",
};

/** An alias (*name) without its anchor (&name): YAML tells of it only when the values are made. */
function aliasMistakes(document: Document.Parsed): { readonly offset: number; readonly message: string }[] {
  const found: { readonly offset: number; readonly message: string }[] = [];
  visit(document, {
    Alias: (_key, node) => {
      if (node.resolve(document) === undefined)
        found.push({
          offset: node.range?.[0] ?? 0,
          message: 'a value that begins with "*" names an anchor that is not there; put the value in quotes',
        });
    },
  });
  return found;
}

/** Leaves as text each number that is written in another way than it would be printed: 0123 may be a password. */
function keepOddNumbers(document: Document.Parsed): void {
  visit(document, {
    Scalar: (_key, node) => {
      if (typeof node.value === 'number' && String(node.value) !== node.source) node.value = node.source ?? node.value;
    },
  });
}

/** Parses YAML 1.2 (JSON is a subset of it). Never throws for what the text holds. */
export function readYamlDocument(text: string): YamlDocument {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true });
  const lineAt = (offset: number): number => Math.max(1, lines.linePos(offset).line);
  const mistakes = document.errors.map((error) => ({
    line: lineAt(error.pos[0]),
    message: ownWords[error.code] ?? error.message,
  }));
  for (const { offset, message } of aliasMistakes(document)) mistakes.push({ line: lineAt(offset), message });
  keepOddNumbers(document);
  let value: unknown;
  try {
    if (mistakes.length === 0) value = document.toJS({ maxAliasCount: 100 });
  } catch {
    mistakes.push({ line: 1, message: 'its aliases (*name) make more values than a configuration can need' });
  }
  return {
    value,
    mistakes,
    lineOf: (path) => {
      const offset = nodeAt(document, path)?.range?.[0];
      return offset === undefined ? 1 : lineAt(offset);
    },
  };
}
