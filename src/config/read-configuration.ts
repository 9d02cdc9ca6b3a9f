import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { messageOf, systemCode } from '../base/errors.ts';
import { configError } from './errors.ts';
import { parseEnvFile } from './variables/env-file.ts';
import { expandApiKeys } from './variables/expand-api-keys.ts';
import type { Environment } from './expand-variables.ts';
import type { Configuration } from './native/configuration.ts';
import { invalidConfiguration, syntaxMistakes } from './mistakes.ts';
import { readNativeDocument } from './native/native-reader.ts';
import { readEnvironmentConfiguration } from './read-environment.ts';
import { parseJsonDocument } from './documents/json-document.ts';
import { recognizeShape } from './recognize-shape.ts';
import { backupConfigsShape, formOfConfigs } from './shapes/backup-configs.ts';
import { backupS3Shape, placeMistakeBy, withOverrides, type BackupS3Overrides } from './shapes/backup-s3.ts';
import { backupTargetsShape } from './shapes/backup-targets.ts';
import { readShape } from './shapes/shape.ts';
import { withStoreVariables } from './variables/store-variables.ts';
import { variablesFor, withDefaults } from './variables/surrounding-variables.ts';
import type { YamlDocument } from './documents/yaml-document.ts';

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (systemCode(error) === 'ENOENT')
      throw configError('not-found', {
        message: `there is no configuration file ${file}`,
        hint: 'Name one with --config, or back up without one: holdfast backup PATH --to DIR',
        cause: error,
      });
    throw configError('unreadable', {
      message: `the configuration ${file} can't be read: ${messageOf(error)}`,
      hint: 'Name a file that this user may read',
      cause: error,
    });
  }
}

/** What the command line may say instead of the file. Only files with `backup.s3` take it. */
export type Overrides = BackupS3Overrides;

const optionNames: Readonly<Record<string, string>> = {
  bucket: '--bucket',
  prefix: '--prefix',
  dirs: '--dirs',
  archive: '--archive',
  incremental: '--no-incremental',
};

/** The options that say what such a file would; `once` and `intervalSeconds` are the command's own business without one. */
export function optionsInstead({ once: _once, intervalSeconds: _interval, ...others }: Overrides): readonly string[] {
  const said = Object.entries(others).filter(([, value]) => value !== undefined);
  return said.map(([name]) => optionNames[name] ?? name);
}

function refuseOverrides(origin: string, overrides: Overrides): void {
  const options = optionsInstead(overrides);
  if (options.length === 0) return;
  throw configError('invalid', {
    message: `${origin} can't be changed by the command line's ${options.join(', ')}`,
    hint: 'These options are for a file with "backup.s3"; write what you mean into this one',
  });
}

function readDocument(
  document: YamlDocument,
  origin: string,
  environment: Environment,
  overrides: Overrides,
): Configuration {
  const shape = recognizeShape(document.value);
  if (shape !== 'backup-s3') refuseOverrides(origin, overrides);
  if (shape === 'native') return readNativeDocument(document, origin, environment);
  if (shape === 'backup-targets') return readShape(backupTargetsShape, { origin, ...document }, environment);
  if (shape === 'backup-configs')
    return readShape(backupConfigsShape(formOfConfigs(document.value)), { origin, ...document }, environment);
  const value = withOverrides(document.value, overrides);
  const placeMistake = placeMistakeBy(overrides, false);
  return readShape(backupS3Shape(overrides), { origin, value, lineOf: document.lineOf, placeMistake }, environment);
}

/**
 * Reads the text of a configuration in any shape, which its content tells. `variables` fill the references;
 * `origin` is the file's name for messages. Touches nothing. Throws config/invalid with every mistake.
 */
export async function readConfigurationText(
  text: string,
  origin: string,
  variables: Environment,
  overrides: Overrides = {},
): Promise<Configuration> {
  const json = parseJsonDocument(text);
  try {
    if (json) return readDocument({ ...json, mistakes: [], lineOf: () => 1 }, origin, variables, overrides);
  } catch {
    // The YAML parser knows on which line the mistake stands.
  }
  const { readYamlDocument } = await import('./documents/yaml-document.ts');
  const document = readYamlDocument(text);
  if (document.mistakes.length > 0) throw invalidConfiguration(origin, syntaxMistakes(document));
  return readDocument(document, origin, variables, overrides);
}

const isEnvFile = (file: string): boolean => /(?:^|\.)env$/.test(path.basename(file));

function readEnvFileConfiguration(text: string, file: string, environment: Environment): Configuration {
  const configuration = readEnvironmentConfiguration(withDefaults(environment, parseEnvFile(text)), file);
  if (configuration) return configuration;
  throw invalidConfiguration(file, [
    {
      key: '',
      message: 'none of the variables of a configuration is there; expected S3_BUCKET, … or BACKUP_S3_BUCKET, …',
    },
  ]);
}

/**
 * Reads a configuration file in any shape; variables come from the environment, else from stack.env, else from .env
 * beside the file. A file that is itself an env file ("prod.env") is read as an environment.
 * Throws config/not-found, config/unreadable or config/invalid.
 */
export async function readConfiguration(
  file: string,
  environment: Environment,
  overrides: Overrides = {},
): Promise<Configuration> {
  const text = await readText(file);
  if (isEnvFile(file)) return readEnvFileConfiguration(text, file, environment);
  const variables = variablesFor(file, environment);
  return withStoreVariables(await readConfigurationText(text, file, variables, overrides), variables, environment);
}

/** The configuration that the command line alone gives: a bucket, a prefix, directories. Throws config/invalid. */
export function readOverrides(overrides: Overrides, environment: Environment): Configuration {
  const variables = expandApiKeys(environment);
  const value = withOverrides({}, overrides);
  const placeMistake = placeMistakeBy(overrides, true);
  const document = { origin: 'command line', value, lineOf: () => undefined, placeMistake };
  return withStoreVariables(readShape(backupS3Shape(overrides), document, variables), variables, environment);
}
