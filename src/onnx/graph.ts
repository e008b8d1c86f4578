/**
 * A graph under construction. Values are names; constants of all graphs of a model live in the outermost, whose names inner ones see.
 * May import: `ir`, `core`, `onnx/proto`.
 * @module
 */
import type { ConcreteTensor } from '../core/tensor.ts';
import type { Aval } from '../ir/aval.ts';
import { type DType, isFloat, makeTypedArray, toRaw, type TypedArray } from '../ir/dtype.ts';
import type { Shape } from '../ir/shape.ts';
import {
  type Attribute,
  type GraphMessage,
  type NodeMessage,
  type OnnxType,
  type TensorMessage,
  typeCode,
  type ValueMessage,
} from './proto.ts';

/** An operand of an equation in the graph. */
export interface Operand {
  readonly name: string;
  readonly aval: Aval;
}

const bytesOf = (array: ArrayBufferView): Uint8Array =>
  new Uint8Array(array.buffer, array.byteOffset, array.byteLength);

export class OnnxGraph {
  private readonly nodes: NodeMessage[] = [];
  private readonly constants: TensorMessage[] = [];
  private readonly scalars = new Map<string, string>();
  private readonly arrays = new Map<ConcreteTensor, string>();
  private count = 0;
  private readonly root: OnnxGraph;
  private readonly taken: ReadonlySet<string>;

  /** @param taken names that the user gave to values */
  constructor(taken: readonly string[], root?: OnnxGraph) {
    this.taken = new Set(taken);
    this.root = root ?? this;
  }

  /** A graph inside a node of this one. */
  inner(): OnnxGraph {
    return new OnnxGraph([], this.root);
  }

  /** A name that nothing has. */
  fresh(): string {
    const { root } = this;
    for (;;) {
      const name = `v${root.count++}`;
      if (!root.taken.has(name)) return name;
    }
  }

  /** Appends a node; the names of its results. An empty name is an input that is left out. */
  node(
    op: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, Attribute>> = {},
    results = 1,
  ): string[] {
    const outputs = Array.from({ length: results }, () => this.fresh());
    this.nodes.push({ op, inputs, outputs, attributes });
    return outputs;
  }

  /** Appends a node with one result. */
  op(op: string, inputs: readonly string[], attributes?: Readonly<Record<string, Attribute>>): string {
    return this.node(op, inputs, attributes)[0]!;
  }

  /** The value under a given name. */
  nameAs(value: string, name: string): void {
    this.nodes.push({ op: 'Identity', inputs: [value], outputs: [name], attributes: {} });
  }

  private addConstant(type: OnnxType, shape: Shape, bytes: Uint8Array): string {
    const name = this.root.fresh();
    this.root.constants.push({ name, type, shape, bytes });
    return name;
  }

  /** Elements of a dtype as a constant. */
  array(data: TypedArray, aval: Aval): string {
    return this.addConstant(aval.dtype, aval.shape, bytesOf(toRaw(data, aval.dtype)).slice());
  }

  /** A tensor as a constant, stored once. */
  tensor(value: ConcreteTensor): string {
    if (value.scalar !== undefined) return this.scalar(value.scalar, value.aval.dtype);
    const { arrays } = this.root;
    let name = arrays.get(value);
    if (name === undefined) arrays.set(value, (name = this.array(value.read(), value.aval)));
    return name;
  }

  /** A scalar constant. */
  scalar(value: number, type: OnnxType): string {
    const { scalars } = this.root;
    const key = `${type} ${Object.is(value, -0) ? '-0' : value}`;
    let name = scalars.get(key);
    if (name === undefined) scalars.set(key, (name = this.addConstant(type, [], scalarBytes(value, type))));
    return name;
  }

  /** Zeros of a type. */
  zeros(aval: Aval): string {
    return this.array(makeTypedArray(aval.dtype, aval.size), aval);
  }

  /** A list of 64-bit integers: a shape, axes, positions. */
  ints(values: readonly number[]): string {
    const { scalars } = this.root;
    const key = `ints ${values.join()}`;
    let name = scalars.get(key);
    if (name === undefined) {
      const bytes = bytesOf(BigInt64Array.from(values, BigInt));
      scalars.set(key, (name = this.addConstant('int64', [values.length], bytes)));
    }
    return name;
  }

  // What most lowerings are made of. They return the value itself when there is nothing to do.

  cast(x: string, to: OnnxType): string {
    return this.op('Cast', [x], { to: typeCode(to) });
  }

  /** The operand in another type. */
  as(x: Operand, to: OnnxType): string {
    return x.aval.dtype === to ? x.name : this.cast(x.name, to);
  }

  reshape(x: string, from: Shape, to: Shape): string {
    if (from.length === to.length && from.every((n, d) => n === to[d])) return x;
    // A zero would mean the extent of the operand.
    return this.op('Reshape', [x, this.ints(to)], { allowzero: 1 });
  }

  transpose(x: string, permutation: readonly number[]): string {
    return permutation.every((p, d) => p === d) ? x : this.op('Transpose', [x], { perm: permutation });
  }

  /** One value everywhere. */
  filled(value: string, shape: Shape): string {
    return shape.length === 0 ? value : this.op('Expand', [value, this.ints(shape)]);
  }

  slice(x: string, start: readonly number[], limit: readonly number[], strides?: readonly number[]): string {
    if (start.length === 0) return x;
    const axes = this.ints(start.map((_, d) => d));
    return this.op('Slice', [x, this.ints(start), this.ints(limit), axes, this.ints(strides ?? start.map(() => 1))]);
  }

  /** 0, 1, … n − 1. */
  count0(n: number, type: 'int32' | 'int64'): string {
    return this.op('Range', [this.scalar(0, type), this.scalar(n, type), this.scalar(1, type)]);
  }

  where(condition: string, x: string, y: string): string {
    return this.op('Where', [condition, x, y]);
  }

  message(name: string, inputs: readonly ValueMessage[], outputs: readonly ValueMessage[]): GraphMessage {
    return { name, nodes: this.nodes, constants: this.constants, inputs, outputs };
  }

  /** Bytes of all constants. */
  get constantBytes(): number {
    return this.root.constants.reduce((sum, c) => sum + c.bytes.length, 0);
  }
}

function scalarBytes(value: number, type: OnnxType): Uint8Array {
  if (type === 'int64') return bytesOf(BigInt64Array.of(BigInt(value)));
  const data = makeTypedArray(type, 1);
  data[0] = value;
  return bytesOf(toRaw(data, type));
}

export const valueMessage = (name: string, { dtype, shape }: Aval): ValueMessage => ({ name, type: dtype, shape });

/** Extents of axes 0 … n − 1 as numbers of those axes. */
export const range = (n: number, from = 0): number[] => Array.from({ length: n }, (_, i) => i + from);

export const isUnsigned = (dtype: DType): boolean => dtype === 'uint32' || dtype === 'uint8';
export const isIntegral = (dtype: DType): boolean => !isFloat(dtype) && dtype !== 'bool';
