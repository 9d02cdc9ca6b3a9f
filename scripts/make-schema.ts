/** Writes holdfast.schema.json, by which editors complete and check holdfast.yaml. */
import { writeFileSync } from 'node:fs';
import { nativeJsonSchema } from '../src/config/native/native-json-schema.ts';

writeFileSync(
  new URL('../holdfast.schema.json', import.meta.url),
  `${JSON.stringify(nativeJsonSchema(), undefined, 2)}\n`,
);
