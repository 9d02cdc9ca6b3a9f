import { goString } from './go-json.ts';
import { type JsonMember, jsonMembers } from './json-members.ts';

/** A field that this program does not know, kept as a newer program wrote it, so that it survives a rewrite. */
export interface UnknownField {
  readonly name: string;
  /** JSON, as it stood in the file. */
  readonly value: string;
  /** The known field that it stands behind. */
  readonly after: string;
}

export function hasUnknown(object: Readonly<Record<string, unknown>>, known: ReadonlySet<string>): boolean {
  for (const key in object) if (!known.has(key)) return true;
  return false;
}

/** Those of an object's members whose names are not in `known`. */
export function unknownFields(members: readonly JsonMember[], known: ReadonlySet<string>): UnknownField[] {
  const unknown: UnknownField[] = [];
  let after = '';
  for (const { key, value } of members) {
    if (known.has(key)) after = key;
    else unknown.push({ name: key, value, after });
  }
  return unknown;
}

/** Puts unknown fields back where they stood in a JSON object, whose own fields are in the order of `fieldOrder`. */
export function insertUnknown(json: string, unknown: readonly UnknownField[], fieldOrder: readonly string[]): string {
  const members = [
    ...jsonMembers(json).map(({ key, value }) => ({ key, value, rank: fieldOrder.indexOf(key) })),
    ...unknown.map(({ name, value, after }) => ({ key: name, value, rank: fieldOrder.indexOf(after) + 0.5 })),
  ].toSorted((a, b) => a.rank - b.rank);
  return `{${members.map(({ key, value }) => `${goString(key)}:${value}`).join(',')}}`;
}
