/** Holds every import of src/ against layers.ts: direction, packages, cycles (type imports included). */
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { parseSync } from 'oxc-parser';
import { layers, packages } from './layers.ts';

const root = join(import.meta.dirname, '..', 'src');
const isTest = (file: string): boolean => file.endsWith('.test.ts') || file.includes('/testing/');
const files = globSync('**/*.ts', { cwd: root }).sort();
const problems: string[] = [];

function layerOf(file: string): string | undefined {
  return layers.find(({ folder }) => file === folder || file.startsWith(`${folder}/`))?.folder;
}

function importsOf(file: string): string[] {
  const { module } = parseSync(file, readFileSync(join(root, file), 'utf8'));
  const text = readFileSync(join(root, file), 'utf8');
  const dynamic = module.dynamicImports.map(({ moduleRequest: { start, end } }) => text.slice(start + 1, end - 1));
  const exported = module.staticExports.flatMap(({ entries }) =>
    entries.flatMap((entry) => entry.moduleRequest?.value ?? []),
  );
  return [...new Set([...module.staticImports.map((entry) => entry.moduleRequest.value), ...exported, ...dynamic])];
}

function checkPackage(file: string, specifier: string, layer: string): void {
  if (specifier.startsWith('node:') || isTest(file)) return;
  const name = specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
  const allowed = packages[name];
  if (!allowed?.some((folder) => layer === folder || layer.startsWith(`${folder}/`)))
    problems.push(`src/${file}: the package ${name} may not be imported here (scripts/layers.ts)`);
}

function checkDirection(file: string, target: string, layer: string): void {
  const other = layerOf(target);
  const allowed = [layer, ...(layers.find(({ folder }) => folder === layer)?.mayImport ?? [])];
  if (isTest(target) && !isTest(file)) problems.push(`src/${file} imports test code: src/${target}`);
  else if (other === undefined || (!allowed.includes(other) && !isTest(file)))
    problems.push(`src/${file}: ${layer} may not import ${other ?? 'an unknown layer'} (src/${target})`);
}

/** Checks one file's imports and returns the files of src/ that it imports. */
function checkFile(file: string): string[] {
  const layer = layerOf(file);
  if (layer === undefined) {
    problems.push(`src/${file} belongs to no layer of scripts/layers.ts`);
    return [];
  }
  const targets: string[] = [];
  for (const specifier of importsOf(file)) {
    const target = specifier.startsWith('.') ? relative(root, join(root, dirname(file), specifier)) : undefined;
    if (target === undefined) checkPackage(file, specifier, layer);
    else if (!target.startsWith('..')) targets.push(target);
    else if (!isTest(file)) problems.push(`src/${file} reaches outside src: ${specifier}`);
  }
  for (const target of targets) checkDirection(file, target, layer);
  return targets;
}

const graph = new Map(files.map((file) => [file, checkFile(file)]));

const finished = new Set<string>();
function findCycle(file: string, path: string[]): void {
  const at = path.indexOf(file);
  if (at >= 0) {
    problems.push(`a cycle: ${[...path.slice(at), file].map((name) => `src/${name}`).join(' -> ')}`);
    return;
  }
  if (finished.has(file)) return;
  for (const target of graph.get(file) ?? []) findCycle(target, [...path, file]);
  finished.add(file);
}
for (const file of files) findCycle(file, []);

for (const problem of problems) console.error(problem);
console.log(`layers: ${files.length} files, ${problems.length} problems`);
process.exitCode = problems.length === 0 ? 0 : 1;
