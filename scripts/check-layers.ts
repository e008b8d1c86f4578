/**
 * The layer rule: a file of `src/` may import only from its own layer and from those that stand before it, no two files
 * may need each other to load, and nothing at run time comes from outside the package but what a layer is allowed by name.
 * Run as `node scripts/run-ts.mjs scripts/check-layers.ts [SOURCE_FOLDER]`; prints one line a violation and exits 1 if there is any.
 * @module
 */
import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseSync, Visitor } from 'oxc-parser';

const belowFaces = ['util', 'ir', 'core', 'primitives', 'transforms', 'control', 'compiler', 'backends', 'api'];

/** Which layers each layer may import from, besides itself. Files directly under `src/` are entries: they may import any. */
const layers: Readonly<Record<string, readonly string[]>> = {
  util: [],
  ir: ['util'],
  core: ['util', 'ir'],
  primitives: ['util', 'ir', 'core'],
  transforms: ['util', 'ir', 'core', 'primitives'],
  // Control flow has every transform as a rule on its records, so it stands after them.
  control: ['util', 'ir', 'core', 'primitives', 'transforms'],
  // Pullbacks and graphs for the faces that record as they go.
  tape: ['util', 'ir', 'core', 'primitives', 'transforms', 'control'],
  // Both read primitive records, and backends implement core's Executor.
  compiler: ['util', 'ir', 'core'],
  backends: ['util', 'ir', 'core', 'compiler'],
  api: ['util', 'ir', 'core', 'primitives', 'transforms', 'control', 'compiler', 'backends'],
  // Modules and optimisers in PyTorch's manner, over the functions of ours.
  torch: [...belowFaces, 'tape', 'nn', 'optim'],
  tf: [...belowFaces, 'tape'],
  nn: belowFaces,
  onnx: belowFaces,
  optim: belowFaces,
  inspect: belowFaces,
  interop: belowFaces,
  distributed: belowFaces,
  check: belowFaces,
};

/** Packages that a layer may load at run time: dependencies of one entry, which nobody else bundles. */
const packages: Readonly<Record<string, readonly string[]>> = { onnx: ['pbf'] };

interface Import {
  readonly specifier: string;
  /** Erased by the compiler: gives no load-time dependency, but a layer may not name a type of a later one either. */
  readonly isType: boolean;
  /** `import(…)`: resolved when it runs, so it cannot make a load-time cycle. */
  readonly isDynamic: boolean;
}

interface SourceFile {
  /** Relative to the source folder, with forward slashes. */
  readonly path: string;
  readonly imports: readonly Import[];
}

/**
 * Checks every `.ts` file under a folder that is laid out like `src/`.
 * @returns one line a violation, each naming the file; empty when all is well
 */
export function checkLayers(sourceFolder: string): string[] {
  const files = readdirSync(sourceFolder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => readSource(sourceFolder, name))
    .toSorted((a, b) => (a.path < b.path ? -1 : 1));
  return [...files.flatMap((file) => checkFile(file)), ...findCycles(files)];
}

function readSource(sourceFolder: string, name: string): SourceFile {
  const path = name.split(sep).join('/');
  return { path, imports: importsOf(path, readFileSync(join(sourceFolder, name), 'utf8')) };
}

function importsOf(path: string, text: string): Import[] {
  const { program, errors } = parseSync(path, text);
  if (errors[0]) throw new Error(`${path}: ${errors[0].message}`);
  const imports: Import[] = [];
  const add = (specifier: string, isType: boolean, isDynamic = false): void => {
    imports.push({ specifier, isType, isDynamic });
  };
  new Visitor({
    ImportDeclaration: (node) => add(node.source.value, node.importKind === 'type'),
    ExportAllDeclaration: (node) => add(node.source.value, node.exportKind === 'type'),
    ExportNamedDeclaration: (node) => {
      if (node.source) add(node.source.value, node.exportKind === 'type');
    },
    ImportExpression: (node) => {
      if (node.source.type === 'Literal' && typeof node.source.value === 'string') add(node.source.value, false, true);
    },
    TSImportType: (node) => add(node.source.value, true),
  }).visit(program);
  return imports;
}

const layerOf = (path: string): string | null => (path.includes('/') ? path.slice(0, path.indexOf('/')) : null);

/** The imported file's path relative to the source folder; the folder stands in for a root here. */
const targetOf = (path: string, specifier: string): string =>
  relative(resolve('/'), resolve('/', dirname(path), specifier))
    .split(sep)
    .join('/');

function checkFile({ path, imports }: SourceFile): string[] {
  const layer = layerOf(path);
  if (layer !== null && !(layer in layers))
    return [`${path}: expected a layer (${layerNames()}), got folder ${layer}/.`];
  return imports.flatMap((entry) => checkImport(path, layer, entry) ?? []);
}

const layerNames = (): string => Object.keys(layers).join(', ');

function checkImport(path: string, layer: string | null, { specifier, isType, isDynamic }: Import): string | null {
  if (!specifier.startsWith('.')) {
    // A static import of a Node module would keep the file from loading in a browser.
    if (specifier.startsWith('node:') && (isDynamic || isType)) return null;
    if (layer !== null && packages[layer]?.includes(specifier)) return null;
    return `${path}: expected a relative import, got '${specifier}' (no package may be loaded here at run time).`;
  }
  if (layer === null) return null;
  const target = targetOf(path, specifier);
  const targetLayer = layerOf(target);
  if (targetLayer === layer || (targetLayer !== null && layers[layer]?.includes(targetLayer))) return null;
  const allowed = layers[layer]?.join(', ') || 'nothing else';
  return `${path}: layer ${layer} may import from ${allowed}, got ${target}.`;
}

/** One line for each strongly connected group of files under load-time imports, by Tarjan's algorithm. */
function findCycles(files: readonly SourceFile[]): string[] {
  const edges = new Map(files.map((file) => [file.path, loadTimeTargets(file)]));
  const state = { index: new Map<string, number>(), low: new Map<string, number>(), stack: [] as string[] };
  const cycles: string[] = [];
  const visit = (path: string): void => {
    const order = state.index.size;
    state.index.set(path, order);
    state.low.set(path, order);
    state.stack.push(path);
    for (const next of edges.get(path) ?? []) {
      if (!edges.has(next)) continue;
      if (!state.index.has(next)) visit(next);
      if (state.stack.includes(next)) state.low.set(path, Math.min(state.low.get(path)!, state.low.get(next)!));
    }
    if (state.low.get(path) !== order) return;
    const group = state.stack.splice(state.stack.indexOf(path));
    if (group.length > 1 || edges.get(path)?.includes(path)) cycles.push(describeCycle(group, edges));
  };
  for (const path of edges.keys()) if (!state.index.has(path)) visit(path);
  return cycles;
}

const loadTimeTargets = ({ path, imports }: SourceFile): string[] =>
  imports
    .filter(({ specifier, isType, isDynamic }) => specifier.startsWith('.') && !isType && !isDynamic)
    .map(({ specifier }) => targetOf(path, specifier));

/** The shortest way round from the group's first file, by breadth-first search. */
function describeCycle(group: readonly string[], edges: ReadonlyMap<string, readonly string[]>): string {
  const start = group[0]!;
  const queue: string[][] = [[start]];
  const seen = new Set<string>();
  for (const way of queue) {
    for (const next of edges.get(way.at(-1)!) ?? []) {
      if (next === start) return `${start}: expected no import cycle, got ${[...way, start].join(' -> ')}.`;
      if (seen.has(next) || !group.includes(next)) continue;
      seen.add(next);
      queue.push([...way, next]);
    }
  }
  throw new Error(`internal: no cycle through ${start}`);
}

if (process.argv[1] !== undefined && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const violations = checkLayers(process.argv[2] ?? fileURLToPath(new URL('../src', import.meta.url)));
  for (const violation of violations) console.error(violation);
  console.log(violations.length === 0 ? 'layers: no violation' : `layers: ${violations.length} violations`);
  process.exitCode = violations.length === 0 ? 0 : 1;
}
