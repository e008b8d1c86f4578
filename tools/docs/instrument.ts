/**
 * Turns an example into a module that checks itself: every `// => text` comment becomes a comparison of `text` with what
 * the statement before it printed. Line numbers stay those of the example, so a type error can be traced back to it.
 * @module
 */
import type { Example } from './extract.ts';

const marker = /^(.*?)\s*\/\/ => ?(.*)$/;
const continuation = /^\s*\/\/ {3,}(\S.*)$/;

/** What the generated modules import, besides what the example does. */
export interface Surroundings {
  /** What the entry `cotangent` exports: an example without an import of its own gets those names it mentions. */
  readonly publicNames: readonly string[];
  /** The specifier of `runtime.ts`, as seen from the module. */
  readonly runtime: string;
}

/** The source text of the module for one example. */
export function instrument(example: Example, surroundings: Surroundings): string {
  const lines = example.code.split('\n');
  const body = lines.map((line, index) => instrumentLine(lines, line, index, example.line + index));
  // All of this goes on the example's first line, so that the numbers of the others do not change.
  return `${prelude(example, surroundings)} ${body.join('\n')}\n__console.finish();\nexport {};\n`;
}

function prelude({ code, file, line }: Example, { publicNames, runtime }: Surroundings): string {
  const imported = /^\s*import\b/m.test(code) ? [] : publicNames.filter((name) => mentions(code, name));
  const imports = imported.length === 0 ? '' : `import { ${imported.join(', ')} } from 'cotangent'; `;
  const where = JSON.stringify(`${file}:${line}`);
  const setup = `const __console = __createConsole(${where}); const console = __console;`;
  return `${imports}import { createConsole as __createConsole } from '${runtime}'; ${setup}`;
}

/** Whether the code uses the name freely: not as a property, and not declaring it itself. */
function mentions(code: string, name: string): boolean {
  const declared = new RegExp(`\\b(const|let|function|class)\\s+(${name}\\b|[[{][^=]*\\b${name}\\b)`).test(code);
  return !declared && new RegExp(`(?<![.\\w'"])${name}\\b(?!\\s*:)`).test(code.replaceAll(/\/\/.*$/gm, ''));
}

function instrumentLine(lines: readonly string[], line: string, index: number, lineNumber: number): string {
  const match = marker.exec(line);
  if (!match) return line;
  const statement = match[1]!;
  const expected = [match[2]!, ...continuationLines(lines, index + 1)].join('\n');
  const check = `__console.expect(${lineNumber}, ${JSON.stringify(expected)});`;
  return `${printing(statement)} ${check}`;
}

function continuationLines(lines: readonly string[], from: number): string[] {
  const found: string[] = [];
  for (let index = from; index < lines.length; index++) {
    const match = continuation.exec(lines[index]!);
    if (!match) break;
    found.push(match[1]!);
  }
  return found;
}

/** The statement, made to print its value: a declaration prints what it declares, a bare expression itself. */
function printing(statement: string): string {
  const trimmed = statement.trim();
  if (trimmed === '' || /console\.log\(/.test(trimmed) || /^[)\]}]/.test(trimmed)) return statement;
  const declared = /^const (\w+|\[[^\]]*\]|\{[^}]*\})(?::[^=]+)? = .*;$/.exec(trimmed);
  if (declared) return `${statement} console.log(${declared[1]!});`;
  if (/^(if|for|while|return|throw|import|export|let|var|function|class)\b/.test(trimmed)) return statement;
  return `console.log(${trimmed.replace(/;$/, '')});`;
}
