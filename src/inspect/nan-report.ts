/**
 * What `nanDoctor` finds, as data and as text.
 * May import: `api` and everything below it.
 * @module
 */
import { logAsText, plural } from './text.ts';

/** What is known of an operand of the operation that went wrong. */
export interface OperandReport {
  /** `f32[2,3]` */
  readonly aval: string;
  /** Its element at the place of the first bad result, where operand and result correspond element by element. */
  readonly value: number | undefined;
  /** Least and greatest element that is a number. */
  readonly min: number;
  readonly max: number;
}

/** An operation that made a NaN (or an infinity) although none of its operands holds one. */
export interface NanFinding {
  readonly kind: 'NaN' | 'Infinity';
  readonly phase: 'forward' | 'gradient';
  /** Name of the primitive, as Programs print it. */
  readonly operation: string;
  /** Line of the user's code: `src/train.ts:20`; empty when unknown. Under a derivative that of the forward operation. */
  readonly place: string;
  /** Loops around it: `scan, iteration 3`; empty outside. */
  readonly context: string;
  /** `f32[2,3]` */
  readonly aval: string;
  /** Index of the first bad element of the result. */
  readonly index: readonly number[];
  /** Bad elements of the result. */
  readonly count: number;
  readonly size: number;
  readonly operands: readonly OperandReport[];
}

/** A tensor that holds NaN or infinities, by its path. */
export interface NonFinite {
  /** `args[0].w`, `result`, `gradient of args[0].w` */
  readonly path: string;
  readonly aval: string;
  readonly nans: number;
  readonly infinities: number;
}

const number = (x: number): string => (Number.isInteger(x) ? String(x) : Number(x.toPrecision(6)).toString());

/** The diagnosis of one function at given arguments. Prints as text. */
export class NanReport {
  static {
    logAsText(this.prototype);
  }

  readonly name: string;
  /** In the order in which they happened; each operation of a line once. */
  readonly findings: readonly NanFinding[];
  /** Arguments, results and gradients that hold NaN or infinities. */
  readonly nonFinite: readonly NonFinite[];
  /** Operations that were looked at. */
  readonly operations: number;
  /** Why there is no gradient, if there is none. */
  readonly noGradient: string | undefined;

  constructor(
    name: string,
    findings: readonly NanFinding[],
    nonFinite: readonly NonFinite[],
    operations: number,
    noGradient: string | undefined,
  ) {
    this.name = name;
    this.findings = findings;
    this.nonFinite = nonFinite;
    this.operations = operations;
    this.noGradient = noGradient;
  }

  /** No operation made a NaN or an infinity, and no argument holds one. */
  get isHealthy(): boolean {
    return this.findings.length === 0 && this.nonFinite.length === 0;
  }

  /** The first NaN that was made; else the first infinity. */
  get first(): NanFinding | undefined {
    return this.findings.find((f) => f.kind === 'NaN') ?? this.findings[0];
  }

  toString(): string {
    const looked = `${plural(this.operations, 'operation')} looked at`;
    const gradient = this.noGradient === undefined ? [] : [`Gradient not looked at: ${this.noGradient}`];
    if (this.isHealthy) return [`${this.name}: no NaN and no infinity (${looked}).`, ...gradient].join('\n');
    return [
      `${this.name}: ${this.verdict()} (${looked}).`,
      ...this.findings.flatMap(describeFinding),
      ...(this.nonFinite.length > 0 ? ['Not finite:', ...this.nonFinite.map(describeTensor)] : []),
      ...gradient,
      ...this.advice(),
    ].join('\n');
  }

  private verdict(): string {
    const nan = this.findings.find((f) => f.kind === 'NaN');
    if (nan !== undefined)
      return `the first NaN is made in the ${nan.phase === 'forward' ? 'forward pass' : 'gradient'}`;
    if (this.findings.length > 0) return 'infinities, but no NaN, are made';
    return 'no operation makes a NaN or an infinity of finite operands, but arguments or constants hold some';
  }

  private advice(): string[] {
    const { first } = this;
    if (first === undefined)
      return this.nonFinite.some((t) => t.path.startsWith('args')) ? ['Fix: look at what made the arguments.'] : [];
    if (first.phase === 'forward') return ['Fix: keep the operands away from where the operation has no finite value.'];
    return [
      'Fix: the derivative has no finite value there. Make the operand safe before the function: f(np.where(ok, x, 1)). Replacing the',
      '  result, np.where(ok, f(x), 0), does not help: the side that is not taken is differentiated, too.',
    ];
  }
}

const at = (index: readonly number[]): string => (index.length === 0 ? '' : ` at [${index.join(',')}]`);

function describeFinding(f: NanFinding): string[] {
  const where = [f.place === '' ? '' : ` at ${f.place}`, f.context === '' ? '' : ` (${f.context})`].join('');
  const share = f.size === 1 ? '' : `, ${f.count} of ${f.size} elements, first${at(f.index)}`;
  return [
    `  ${f.phase}: ${f.operation}${where} makes ${f.kind === 'NaN' ? 'NaN' : 'an infinity'}: ${f.aval}${share}`,
    ...f.operands.map((o, i) => {
      const value = o.value === undefined ? '' : `, ${number(o.value)}${f.size === 1 ? '' : ' there'}`;
      const range =
        o.min > o.max ? '' : o.min === o.max ? `, all ${number(o.min)}` : `, from ${number(o.min)} to ${number(o.max)}`;
      return `    operand ${i}: ${o.aval}${value}${o.min === o.max && o.value === o.min ? '' : range}`;
    }),
  ];
}

function describeTensor({ path, aval, nans, infinities }: NonFinite): string {
  const parts = [
    ...(nans > 0 ? [plural(nans, 'NaN')] : []),
    ...(infinities > 0 ? [plural(infinities, 'infinity', 'infinities')] : []),
  ];
  return `  ${path} ${aval}: ${parts.join(', ')}`;
}
