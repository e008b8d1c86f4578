/**
 * Splits Python source into tokens. With `lines` the line structure is kept as `newline`, `indent` and `dedent`
 * tokens (statements need it); without, a line break is white space, as inside brackets.
 * @module
 */

export type TokenKind =
  | 'name'
  | 'int'
  | 'float'
  | 'imaginary'
  | 'string'
  | 'op'
  | 'newline'
  | 'indent'
  | 'dedent'
  | 'end';

export interface Token {
  readonly kind: TokenKind;
  readonly text: string;
  /** Offset in the source, in characters. */
  readonly at: number;
}

/** Source text that is not in the subset the runner understands. */
export class PythonSyntaxError extends Error {
  override readonly name: string = 'PythonSyntaxError';
}

const SPACE = /[ \t\f\r]+|\\\n|#[^\n]*/y;
const NAME = /[A-Za-z_][A-Za-z_0-9]*/y;
// Order matters: a fraction or an exponent makes a float; a trailing j makes either imaginary.
const NUMBER = /0[xX][0-9a-fA-F_]+|(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][+-]?\d+)?[jJ]?/y;
const OPERATOR =
  /\*\*=|\/\/=|<<=|>>=|\.\.\.|\*\*|\/\/|<<|>>|<=|>=|==|!=|->|:=|\+=|-=|\*=|\/=|%=|@=|&=|\|=|\^=|[-+*/%@&|^~<>()[\]{},:.=;]/y;
const ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', '0': '\0' };

interface Cursor {
  readonly source: string;
  position: number;
  readonly tokens: Token[];
  depth: number;
  readonly indents: number[];
}

function match(pattern: RegExp, cursor: Cursor): string | undefined {
  pattern.lastIndex = cursor.position;
  return pattern.exec(cursor.source)?.[0];
}

function push(cursor: Cursor, kind: TokenKind, text: string): void {
  cursor.tokens.push({ kind, text, at: cursor.position });
}

function readString(cursor: Cursor): void {
  const { source } = cursor;
  const quote = source[cursor.position] ?? '';
  const fence = source.startsWith(quote.repeat(3), cursor.position) ? quote.repeat(3) : quote;
  let at = cursor.position + fence.length;
  let text = '';
  while (!source.startsWith(fence, at)) {
    const char = source[at];
    if (char === undefined) throw new PythonSyntaxError(`string at ${cursor.position} is not closed`);
    if (char === '\\') {
      const next = source[at + 1] ?? '';
      text += next === '\n' ? '' : (ESCAPES[next] ?? next);
      at += 2;
    } else {
      text += char;
      at += 1;
    }
  }
  push(cursor, 'string', text);
  cursor.position = at + fence.length;
}

function numberKind(text: string): TokenKind {
  if (/^0[xX]/.test(text)) return 'int';
  if (/[jJ]$/.test(text)) return 'imaginary';
  return /[.eE]/.test(text) ? 'float' : 'int';
}

/** Emits the `indent` or `dedent` tokens of a line that starts at `column`. */
function changeIndent(cursor: Cursor, column: number): void {
  const { indents } = cursor;
  if (column > (indents.at(-1) ?? 0)) {
    indents.push(column);
    push(cursor, 'indent', '');
  }
  while (column < (indents.at(-1) ?? 0)) {
    indents.pop();
    push(cursor, 'dedent', '');
  }
}

function readLineBreak(cursor: Cursor, lines: boolean): void {
  const { source } = cursor;
  if (lines && cursor.depth === 0 && cursor.tokens.length > 0 && cursor.tokens.at(-1)?.kind !== 'newline') {
    push(cursor, 'newline', '');
  }
  // Blank lines and lines of comment do not count for the indentation.
  const blank = /(?:[ \t\r]*(?:#[^\n]*)?\n)+/y;
  blank.lastIndex = cursor.position;
  cursor.position += blank.exec(source)?.[0].length ?? 1;
  const column = /[ \t]*/y;
  column.lastIndex = cursor.position;
  const width = column.exec(source)?.[0].length ?? 0;
  cursor.position += width;
  if (lines && cursor.depth === 0 && cursor.position < source.length) changeIndent(cursor, width);
}

function readOperator(cursor: Cursor): void {
  const text = match(OPERATOR, cursor);
  if (text === undefined) {
    throw new PythonSyntaxError(`unexpected ${JSON.stringify(cursor.source[cursor.position])} at ${cursor.position}`);
  }
  if ('([{'.includes(text)) cursor.depth += 1;
  if (')]}'.includes(text)) cursor.depth -= 1;
  push(cursor, 'op', text);
  cursor.position += text.length;
}

function readToken(cursor: Cursor, lines: boolean): void {
  const char = cursor.source[cursor.position] ?? '';
  if (char === '\n') return readLineBreak(cursor, lines);
  const space = match(SPACE, cursor);
  if (space !== undefined) {
    cursor.position += space.length;
    return;
  }
  if (char === '"' || char === "'") return readString(cursor);
  const isNumber = /\d/.test(char) || (char === '.' && /\d/.test(cursor.source[cursor.position + 1] ?? ''));
  const text = match(isNumber ? NUMBER : NAME, cursor);
  if (text === undefined) return readOperator(cursor);
  push(cursor, isNumber ? numberKind(text) : 'name', text);
  cursor.position += text.length;
}

/**
 * Tokenizes Python source.
 * @throws {PythonSyntaxError} at a character or a string that is not Python.
 */
export function tokenize(source: string, lines = false): readonly Token[] {
  const cursor: Cursor = { source, position: 0, tokens: [], depth: 0, indents: [] };
  while (cursor.position < source.length) readToken(cursor, lines);
  if (lines) {
    if (cursor.tokens.at(-1)?.kind !== 'newline') push(cursor, 'newline', '');
    changeIndent(cursor, 0);
  }
  push(cursor, 'end', '');
  return cursor.tokens;
}
