import { z } from 'zod';
import type { DocumentPath } from '../documents/yaml-document.ts';

/** The form among a union's that the value has, by the key that tells them apart ("type"). */
function formOf(schema: z.ZodDiscriminatedUnion, value: unknown): unknown {
  const { discriminator } = schema.def;
  const said = (value as Readonly<Record<string, unknown>> | undefined)?.[discriminator];
  return schema.options.find((option) => {
    const literal = option instanceof z.ZodObject ? (option.shape as z.ZodRawShape)[discriminator] : undefined;
    return literal !== undefined && z.core.safeParse(literal, said).success;
  });
}

/** What the schema says of one member of the value that it describes. */
function memberOf(schema: unknown, step: string | number): unknown {
  if (schema instanceof z.ZodObject) return (schema.shape as z.ZodRawShape)[step];
  if (schema instanceof z.ZodRecord) return schema.valueType;
  return schema instanceof z.ZodArray ? schema.element : undefined;
}

/** The keys that a schema knows at a place of a document, which decides among a union's forms; none where it has no keys. */
export function knownKeys(schema: unknown, value: unknown, path: DocumentPath): readonly string[] {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodExactOptional)
    return knownKeys(schema.unwrap(), value, path);
  if (schema instanceof z.ZodPipe) return knownKeys(schema.out, value, path);
  if (schema instanceof z.ZodDiscriminatedUnion) return knownKeys(formOf(schema, value), value, path);
  const [step, ...rest] = path;
  if (step === undefined) return schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
  const member = (value as Readonly<Record<string | number, unknown>> | undefined)?.[step];
  return knownKeys(memberOf(schema, step), member, rest);
}
