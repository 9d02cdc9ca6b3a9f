/** Tells apart what `npm test -- …` was given: paths that pick files, and options for Node's test runner. */

/** Options of `node --test` that take the next argument as their value unless it is attached with "=". */
const withValue = /^--test-(?:concurrency|name-pattern|random-seed|reporter|shard|skip-pattern|timeout)$/;

export interface TestArguments {
  /** Parts of paths: a test file runs when its path contains one of them. Empty: all run. */
  readonly paths: readonly string[];
  readonly options: readonly string[];
}

export function readTestArguments(args: readonly string[]): TestArguments {
  const paths: string[] = [];
  const options: string[] = [];
  const rest = [...args];
  for (let argument = rest.shift(); argument !== undefined; argument = rest.shift()) {
    if (withValue.test(argument)) options.push(`${argument}=${rest.shift() ?? ''}`);
    else if (argument.startsWith('-')) options.push(argument);
    else paths.push(argument.replace(/^\.\//, ''));
  }
  return { paths, options };
}
