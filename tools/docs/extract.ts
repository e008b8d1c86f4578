/**
 * Finds the examples of the documentation: the `ts` blocks of Markdown files and the `@example` blocks of doc comments.
 * @module
 */

/** One example, as it stands in its file. */
export interface Example {
  /** Path of the file it stands in, as given. */
  readonly file: string;
  /** Line of its first line of code, counted from 1. */
  readonly line: number;
  readonly code: string;
  /** False for a block marked `ts no-run`: it is type-checked and not executed. */
  readonly runs: boolean;
}

/** The examples of one file; the extension decides how they are marked. */
export function extractExamples(file: string, text: string): Example[] {
  const lines = text.split('\n');
  return file.endsWith('.md') ? fencedBlocks(file, lines, 1) : docCommentExamples(file, lines);
}

/** The `ts` blocks between fences in lines of Markdown; `firstLine` is the line number of `lines[0]`. */
function fencedBlocks(file: string, lines: readonly string[], firstLine: number): Example[] {
  const examples: Example[] = [];
  let open: { start: number; indent: number; info: string } | null = null;
  for (const [index, line] of lines.entries()) {
    const fence = /^(\s*)```+\s*(.*)$/.exec(line);
    if (!fence) continue;
    if (!open) {
      open = { start: index + 1, indent: fence[1]!.length, info: fence[2]!.trim() };
      continue;
    }
    const { start, indent, info } = open;
    open = null;
    if (!/^(ts|typescript)\b/.test(info)) continue;
    const code = lines.slice(start, index).map((text) => text.slice(Math.min(indent, text.search(/\S|$/))));
    examples.push({ file, line: firstLine + start, code: code.join('\n'), runs: !/\bno-run\b/.test(info) });
  }
  return examples;
}

/** Everything after `@example` up to the next tag or the end of the comment; fences inside it are optional. */
function docCommentExamples(file: string, lines: readonly string[]): Example[] {
  const examples: Example[] = [];
  for (const { start, body } of docComments(lines)) {
    for (const [index, line] of body.entries()) {
      if (!/^\s*@example\b/.test(line)) continue;
      const rest = body.slice(index + 1);
      const length = exampleLength(rest);
      examples.push(...docExample(file, rest.slice(0, length), start + index + 1));
    }
  }
  return examples;
}

/** The number of lines before the next tag; a line inside a fence is never a tag. */
function exampleLength(lines: readonly string[]): number {
  let fenced = false;
  for (const [index, line] of lines.entries()) {
    if (/^\s*```/.test(line)) fenced = !fenced;
    if (!fenced && /^\s*@\w/.test(line)) return index;
  }
  return lines.length;
}

function docExample(file: string, lines: readonly string[], firstLine: number): Example[] {
  if (lines.some((line) => /^\s*```/.test(line))) return fencedBlocks(file, lines, firstLine);
  const code = lines.join('\n').trimEnd();
  return code.trim() === '' ? [] : [{ file, line: firstLine, code, runs: true }];
}

/** The doc comments of a source file, each line without its leading asterisk; `start` is the line number of the first. */
function docComments(lines: readonly string[]): { start: number; body: string[] }[] {
  const comments: { start: number; body: string[] }[] = [];
  let current: { start: number; body: string[] } | null = null;
  for (const [index, line] of lines.entries()) {
    if (!current && /^\s*\/\*\*/.test(line)) {
      current = { start: index + 1, body: [] };
      comments.push(current);
    }
    if (!current) continue;
    const ends = line.includes('*/');
    current.body.push(line.replace(/\*\/.*$/, '').replace(/^\s*(\/\*\*|\*) ?/, ''));
    if (ends) current = null;
  }
  return comments;
}
