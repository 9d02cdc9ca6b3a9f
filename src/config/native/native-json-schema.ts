import { z } from 'zod';
import { nativeSchema } from './native-schema.ts';

type JsonSchema = Record<string, unknown>;

/** A text with a reference to a variable, where a number, a flag or a word of a few is expected. */
const reference = { type: 'string', pattern: String.raw`\$\{` };

/** Moves what a schema says into one of two: itself, or `other`. */
function orElse(schema: JsonSchema, other: JsonSchema): void {
  const { description, ...own } = schema;
  for (const key of Object.keys(schema)) Reflect.deleteProperty(schema, key);
  Object.assign(schema, { anyOf: [own, other] }, description === undefined ? {} : { description });
}

const isLeaf = ({ type, enum: words, format, pattern }: JsonSchema): boolean =>
  type === 'integer' || type === 'number' || type === 'boolean' || (words ?? format ?? pattern) !== undefined;

/** What editors need to complete and check a native configuration: its JSON Schema (draft 2020-12). */
export function nativeJsonSchema(): JsonSchema {
  const schema = z.toJSONSchema(nativeSchema, {
    io: 'input',
    unrepresentable: 'any',
    override: ({ jsonSchema, path }) => {
      const at = jsonSchema as JsonSchema;
      if (at['orText'] === true) {
        Reflect.deleteProperty(at, 'orText');
        orElse(at, { type: 'string', minLength: 1 });
      } else if (isLeaf(at) && path.at(-1) !== 'propertyNames') orElse(at, reference);
    },
  });
  return { title: 'Configuration of Holdfast', ...schema };
}
