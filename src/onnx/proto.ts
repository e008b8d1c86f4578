/**
 * ONNX files: the messages that are needed of onnx.proto, written as protocol buffers.
 * May import: `pbf`, `ir`.
 * @see https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
 * @module
 */
import { PbfWriter } from 'pbf';
import type { DType } from '../ir/dtype.ts';

/** Element types of ONNX that are used here: those of the library, and the 64-bit integers of shapes and positions. */
export type OnnxType = DType | 'int64';

const typeCodes: { readonly [T in OnnxType]: number } = {
  float32: 1,
  uint8: 2,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  float64: 11,
  uint32: 12,
  bfloat16: 16,
};

/** The number that stands for an element type in files and in the attribute of Cast. */
export const typeCode = (type: OnnxType): number => typeCodes[type];

/** A whole number, whole numbers, a text, or a graph that the node runs. */
export type Attribute = number | readonly number[] | string | GraphMessage;

export interface NodeMessage {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, Attribute>>;
}

export interface TensorMessage {
  readonly name: string;
  readonly type: OnnxType;
  readonly shape: readonly number[];
  /** Little-endian, packed. */
  readonly bytes: Uint8Array;
}

export interface ValueMessage {
  readonly name: string;
  readonly type: OnnxType;
  readonly shape: readonly number[];
}

export interface GraphMessage {
  readonly name: string;
  readonly nodes: readonly NodeMessage[];
  readonly constants: readonly TensorMessage[];
  readonly inputs: readonly ValueMessage[];
  readonly outputs: readonly ValueMessage[];
}

function writeAttribute([name, value]: readonly [string, Attribute], pbf: PbfWriter): void {
  const type = typeof value === 'number' ? 2 : typeof value === 'string' ? 3 : isList(value) ? 7 : 5;
  pbf.writeStringField(1, name);
  if (typeof value === 'number') pbf.writeVarintField(3, value);
  else if (typeof value === 'string') pbf.writeStringField(4, value);
  else if (isList(value)) for (const n of value) pbf.writeVarintField(8, n);
  else pbf.writeMessage(6, writeGraph, value);
  pbf.writeVarintField(20, type);
}

const isList = (value: Attribute): value is readonly number[] => Array.isArray(value);

function writeNode(node: NodeMessage, pbf: PbfWriter): void {
  for (const name of node.inputs) pbf.writeStringField(1, name);
  for (const name of node.outputs) pbf.writeStringField(2, name);
  pbf.writeStringField(4, node.op);
  for (const entry of Object.entries(node.attributes)) pbf.writeMessage(5, writeAttribute, entry);
}

function writeTensor({ name, type, shape, bytes }: TensorMessage, pbf: PbfWriter): void {
  pbf.writePackedVarint(1, [...shape]);
  pbf.writeVarintField(2, typeCodes[type]);
  pbf.writeStringField(8, name);
  pbf.writeBytesField(9, bytes);
}

function writeShape(shape: readonly number[], pbf: PbfWriter): void {
  for (const n of shape) pbf.writeMessage(1, (size, dim) => dim.writeVarintField(1, size), n);
}

function writeValue({ name, type, shape }: ValueMessage, pbf: PbfWriter): void {
  pbf.writeStringField(1, name);
  pbf.writeMessage(
    2,
    (_value, typeProto) =>
      typeProto.writeMessage(
        1,
        (_inner, tensor) => {
          tensor.writeVarintField(1, typeCodes[type]);
          tensor.writeMessage(2, writeShape, shape);
        },
        undefined,
      ),
    undefined,
  );
}

function writeGraph(graph: GraphMessage, pbf: PbfWriter): void {
  for (const node of graph.nodes) pbf.writeMessage(1, writeNode, node);
  pbf.writeStringField(2, graph.name);
  for (const tensor of graph.constants) pbf.writeMessage(5, writeTensor, tensor);
  for (const value of graph.inputs) pbf.writeMessage(11, writeValue, value);
  for (const value of graph.outputs) pbf.writeMessage(12, writeValue, value);
}

/** Version of the file format for each version of the operators. */
const irVersions: Readonly<Record<number, number>> = { 18: 8, 19: 9, 20: 9, 21: 10, 22: 10 };

/** The versions of the operators that can be asked for. */
export const opsets: readonly number[] = Object.keys(irVersions).map(Number);

/** The bytes of a model. */
export function writeModel(graph: GraphMessage, opset: number): Uint8Array<ArrayBuffer> {
  const pbf = new PbfWriter();
  pbf.writeVarintField(1, irVersions[opset]!);
  pbf.writeStringField(2, 'cotangent');
  pbf.writeMessage(7, writeGraph, graph);
  pbf.writeMessage(8, (version, entry) => entry.writeVarintField(2, version), opset);
  return new Uint8Array(pbf.finish());
}
