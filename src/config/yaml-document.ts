import { isMap, isScalar, isSeq, LineCounter, parseDocument, type Document, type Node } from 'yaml';

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

/** Parses YAML 1.2 (JSON is a subset of it). Never throws for what the text holds. */
export function readYamlDocument(text: string): YamlDocument {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true });
  const lineAt = (offset: number): number => Math.max(1, lines.linePos(offset).line);
  const mistakes = document.errors.map((error) => ({ line: lineAt(error.pos[0]), message: error.message }));
  return {
    value: mistakes.length === 0 ? document.toJS({ maxAliasCount: 100 }) : undefined,
    mistakes,
    lineOf: (path) => {
      const offset = nodeAt(document, path)?.range?.[0];
      return offset === undefined ? 1 : lineAt(offset);
    },
  };
}
