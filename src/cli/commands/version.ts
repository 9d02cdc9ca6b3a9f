import type { CommandWork } from '../command-work.ts';
import type { CliContext } from '../context.ts';

/** Prints the version, and what the program runs on. */
async function version(_options: unknown, { output, version: own }: CliContext): Promise<void> {
  const { version: node, platform, arch } = process;
  output.document({ version: own, node, platform, arch });
  output.line(`holdfast ${own} on Node.js ${node.slice(1)}, ${platform}/${arch}`);
}

export const versionCommand: CommandWork = { run: version, shows: true };
