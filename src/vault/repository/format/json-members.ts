/** One member of a JSON object, as it stands in the text. */
export interface JsonMember {
  readonly key: string;
  readonly value: string;
}

const blanks = /[ \t\r\n]*/y;
const scalarEnd = /[,\]}\s]|$/g;

function skipBlanks(text: string, at: number): number {
  blanks.lastIndex = at;
  blanks.exec(text);
  return blanks.lastIndex;
}

/** The position behind the string literal that starts at `at`. */
function stringEnd(text: string, at: number): number {
  let end = at + 1;
  while (text[end] !== '"') end += text[end] === '\\' ? 2 : 1;
  return end + 1;
}

function nestedEnd(text: string, start: number): number {
  let depth = 0;
  for (let at = start; ;) {
    const character = text[at];
    if (character === '"') {
      at = stringEnd(text, at);
      continue;
    }
    if (character === '{' || character === '[') depth += 1;
    if (character === '}' || character === ']') depth -= 1;
    at += 1;
    if (depth === 0) return at;
  }
}

function valueEnd(text: string, at: number): number {
  const first = text[at];
  if (first === '"') return stringEnd(text, at);
  if (first === '{' || first === '[') return nestedEnd(text, at);
  scalarEnd.lastIndex = at;
  return scalarEnd.exec(text)?.index ?? text.length;
}

/** The items of a JSON array as text. The text must be valid JSON (JSON.parse took it): nothing is checked again. */
export function jsonItems(array: string): string[] {
  const items: string[] = [];
  let at = skipBlanks(array, skipBlanks(array, 0) + 1);
  while (array[at] !== ']') {
    const end = valueEnd(array, at);
    items.push(array.slice(at, end));
    at = skipBlanks(array, end);
    if (array[at] === ',') at = skipBlanks(array, at + 1);
  }
  return items;
}

/** The members of a JSON object in their order, values as text; the text must be valid JSON, as with jsonItems. */
export function jsonMembers(object: string): JsonMember[] {
  const members: JsonMember[] = [];
  let at = skipBlanks(object, skipBlanks(object, 0) + 1);
  while (object[at] !== '}') {
    const keyEnd = stringEnd(object, at);
    const key = JSON.parse(object.slice(at, keyEnd)) as string;
    const start = skipBlanks(object, skipBlanks(object, keyEnd) + 1);
    const end = valueEnd(object, start);
    members.push({ key, value: object.slice(start, end) });
    at = skipBlanks(object, end);
    if (object[at] === ',') at = skipBlanks(object, at + 1);
  }
  return members;
}
