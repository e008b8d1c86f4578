/**
 * Evaluates expansions exactly as a machine does: every float32 operation rounded, integers wrapped, bits
 * reinterpreted. The expression becomes one JavaScript function, each shared node one variable.
 * @module
 */
import type { DType } from '../../../src/ir/dtype.ts';
import type { Expr, Local } from '../../../src/ir/loop/expr.ts';
import { lgamma } from '../../../src/util/special/gamma.ts';
import { engineFuses, fma32, fma64 } from './fused.ts';

const f32 = new Float32Array(1);
const i32 = new Int32Array(f32.buffer);
const f64 = new Float64Array(1);
const u64 = new BigInt64Array(f64.buffer);
const u32 = new Uint32Array(f64.buffer);

const helpers = {
  lgamma,
  fma32,
  fma64,
  floatOfBits(b: number): number {
    i32[0] = b;
    return f32[0]!;
  },
  bitsOfFloat(x: number): number {
    f32[0] = x;
    return i32[0]!;
  },
  copysign: (x: number, y: number): number => (y < 0 || Object.is(y, -0) ? -Math.abs(x) : Math.abs(x)),
  exponent(x: number): number {
    f64[0] = x;
    return (u32[1]! >>> 20) - 1023;
  },
  mantissa(x: number): number {
    f64[0] = x;
    u64[0] = (u64[0]! & 0x000fffffffffffffn) | 0x3ff0000000000000n;
    return f64[0]!;
  },
  exp2Int(k: number): number {
    f64[0] = k + (1.5 * 2 ** 52 + 1023);
    u64[0] = u64[0]! << 52n;
    return f64[0]!;
  },
  alternating(x: number): number {
    f64[0] = x;
    return (u32[0]! & 1) === 0 ? 1 : -1;
  },
  head(x: number): number {
    f64[0] = x;
    u32[0] = 0;
    return f64[0]!;
  },
};

/** A stand-in for an operand. */
export function operand(id: number, dtype: DType): Expr {
  const local: Local = { kind: 'local', id, dtype };
  return { op: 'local', dtype, local };
}

// prettier-ignore
const infix: Readonly<Record<string, string>> = {
  add: '+', sub: '-', mul: '*', div: '/', lt: '<', le: '<=', gt: '>', ge: '>=', eq: '===', ne: '!==',
  and: '&', or: '|', xor: '^', shl: '<<', shr_logical: '>>>', shr_arithmetic: '>>',
};

// prettier-ignore
const calls: Readonly<Record<string, string>> = {
  abs: 'Math.abs', sqrt: 'Math.sqrt', floor: 'Math.floor', trunc: 'Math.trunc',
  exponent: 'h.exponent', mantissa: 'h.mantissa', exp2_int: 'h.exp2Int', head: 'h.head', alternating: 'h.alternating',
  sin_large: 'Math.sin', cos_large: 'Math.cos', tan_large: 'Math.tan', lgamma_rest: 'h.lgamma',
};

function source(e: Expr, name: (e: Expr) => string, isFused: boolean): string {
  switch (e.op) {
    case 'const':
      return Object.is(e.value, -0) ? '-0' : String(e.value);
    case 'local':
      return `x${e.local.id}`;
    case 'select':
      return `${name(e.cond)} ? ${name(e.then)} : ${name(e.otherwise)}`;
    case 'convert':
      return name(e.x);
    case 'bitcast':
      return e.dtype === 'float32' ? `h.floatOfBits(${name(e.x)})` : `h.bitsOfFloat(${name(e.x)})`;
    case 'unary':
      if (e.fn === 'neg') return `-${name(e.x)}`;
      if (e.fn === 'usually') return name(e.x);
      if (e.fn === 'not') return `!${name(e.x)}`;
      if (calls[e.fn] === undefined) throw new Error(`internal: ${e.fn} in an expansion`);
      return `${calls[e.fn]}(${name(e.x)})`;
    case 'binary':
      if (e.fn === 'copysign') return `h.copysign(${name(e.x)}, ${name(e.y)})`;
      if (e.fn === 'rem_large') return `${name(e.x)} % ${name(e.y)}`;
      if (infix[e.fn] === undefined) throw new Error(`internal: ${e.fn} in an expansion`);
      if (e.x.dtype !== e.y.dtype) throw new Error(`internal: ${e.fn} of ${e.x.dtype} and ${e.y.dtype}`);
      if (e.fn === 'mul' && e.dtype === 'int32') return `Math.imul(${name(e.x)}, ${name(e.y)})`;
      return `${name(e.x)} ${infix[e.fn]} ${name(e.y)}`;
    case 'ternary': {
      const [x, y, z] = [name(e.x), name(e.y), name(e.z)];
      if (e.fn !== 'madd') throw new Error(`internal: ${e.fn} in an expansion`);
      if (isFused) return `h.fma${e.dtype === 'float32' ? '32' : '64'}(${x}, ${y}, ${z})`;
      return e.dtype === 'float32' ? `Math.fround(${x} * ${y}) + ${z}` : `${x} * ${y} + ${z}`;
    }
    default:
      throw new Error(`internal: ${e.op} in an expansion`);
  }
}

/**
 * The function of `arity` operands (as `operand` numbers them) that `root` denotes, and the number of distinct nodes in
 * it. Multiply-adds round once where `isFused`: by default as the engine does it.
 */
export function compileExpr(
  root: Expr,
  arity: number,
  isFused: boolean = engineFuses(),
): { run: (...args: number[]) => number; nodes: number } {
  const names = new Map<Expr, string>();
  const lines: string[] = [];
  const name = (e: Expr): string => {
    let n = names.get(e);
    if (n === undefined) {
      const raw = source(e, name, isFused);
      n = `t${names.size}`;
      names.set(e, n);
      const wrapped = e.dtype === 'float32' ? `Math.fround(${raw})` : e.dtype === 'int32' ? `(${raw}) | 0` : raw;
      lines.push(`const ${n} = ${wrapped};`);
    }
    return n;
  };
  const result = name(root);
  const args = Array.from({ length: arity }, (_, i) => `x${i}`).join(', ');
  const build = new Function('h', `return (${args}) => { ${lines.join('\n')}\nreturn ${result}; };`) as (
    h: unknown,
  ) => (...a: number[]) => number;
  return { run: build(helpers), nodes: names.size };
}
