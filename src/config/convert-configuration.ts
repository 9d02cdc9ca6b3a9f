import { stringify } from 'yaml';
import type { Configuration } from './native/configuration.ts';

const schemaLine = '# yaml-language-server: $schema=./node_modules/holdfast/holdfast.schema.json\n';

/**
 * The configuration as the text of a native YAML file. What came out of a variable stays a reference to it
 * ("${S3_SECRET_ACCESS_KEY}"), so that no secret gets into the file that was not in the other one.
 */
export function convertConfiguration(configuration: Configuration): string {
  return schemaLine + stringify(configuration.native, { lineWidth: 0, singleQuote: true });
}
