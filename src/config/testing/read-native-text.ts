import type { Environment } from '../expand-variables.ts';
import type { Configuration } from '../job.ts';
import { invalidConfiguration, syntaxMistakes } from '../mistakes.ts';
import { readNativeDocument } from '../native-reader.ts';
import { readYamlDocument } from '../yaml-document.ts';

/** Reads a text in the native shape. */
export function readNativeText(text: string, origin: string, environment: Environment): Configuration {
  const document = readYamlDocument(text);
  if (document.mistakes.length > 0) throw invalidConfiguration(origin, syntaxMistakes(document));
  return readNativeDocument(document, origin, environment);
}
