import type { Environment } from '../expand-variables.ts';
import type { Configuration } from '../native/configuration.ts';
import { invalidConfiguration, syntaxMistakes } from '../mistakes.ts';
import { readNativeDocument } from '../native/native-reader.ts';
import { readYamlDocument } from '../documents/yaml-document.ts';

/** Reads a text in the native shape. */
export function readNativeText(text: string, origin: string, environment: Environment): Configuration {
  const document = readYamlDocument(text);
  if (document.mistakes.length > 0) throw invalidConfiguration(origin, syntaxMistakes(document));
  return readNativeDocument(document, origin, environment);
}
