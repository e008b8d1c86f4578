/**
 * The reference device: every primitive by its obvious float64 JavaScript rule, every Program one equation at a time. The oracle of
 * the tests; slow, and never chosen by itself.
 * May import: `ir`, `core`.
 * @module
 */
import type { Aval } from '../../ir/aval.ts';
import { makeTypedArray, makeUnrounded, rounded, type TypedArray } from '../../ir/dtype.ts';
import { InternalError } from '../../ir/errors.ts';
import type { ControlFlow } from '../../ir/loop/lower.ts';
import type { Atom, Program, Var } from '../../ir/program.ts';
import { type Executable, type Executor, HostStorage, type Storage } from '../../core/executor.ts';
import { type AnyPrimitive, type HostArray, recordOf } from '../../core/primitive.ts';
import { ConcreteTensor } from '../../core/tensor.ts';

const toHost = (t: ConcreteTensor): HostArray => ({ aval: t.aval, data: t.read() });

const blank = (aval: Aval): HostArray => ({ aval, data: makeUnrounded(aval.dtype, aval.size) });

/** Outputs of one primitive. */
function apply(
  primitive: AnyPrimitive,
  args: readonly HostArray[],
  params: object,
  outAvals: readonly Aval[],
): HostArray[] {
  if (primitive.reference) {
    const outs = outAvals.map(blank);
    primitive.reference(args, outs, params);
    return outs.map(({ aval, data }) => ({ aval, data: rounded(data, aval.dtype) }));
  }
  const { lower } = primitive;
  if (lower.kind === 'expand') {
    return run(
      lower.program(
        args.map((a) => a.aval),
        params,
      ),
      args,
    );
  }
  if (lower.kind === 'control') return control(lower.control(params), args, outAvals);
  throw new InternalError(`${primitive.name} has neither a reference rule nor sub-Programs`);
}

/** Outputs of a Program. */
function run(program: Program, args: readonly HostArray[]): HostArray[] {
  const env = new Map<Var, HostArray>();
  const read = (a: Atom): HostArray => (a.kind === 'var' ? env.get(a)! : toHost(a.value as ConcreteTensor));
  program.inputs.forEach((v, i) => env.set(v, args[i]!));
  for (const eqn of program.equations) {
    const outs = apply(
      recordOf(eqn),
      eqn.inputs.map(read),
      eqn.params,
      eqn.outputs.map((v) => v.aval),
    );
    eqn.outputs.forEach((v, k) => env.set(v, outs[k]!));
  }
  return program.outputs.map((o) => read(o));
}

function control(flow: ControlFlow, args: readonly HostArray[], outAvals: readonly Aval[]): HostArray[] {
  switch (flow.kind) {
    case 'branch': {
      const index = Math.max(0, Math.min(flow.branches.length - 1, args[0]!.data[0]!));
      return run(flow.branches[index]!, args.slice(1));
    }
    case 'while': {
      const condConsts = args.slice(0, flow.condConstants);
      const bodyConsts = args.slice(flow.condConstants, flow.condConstants + flow.bodyConstants);
      let carry = args.slice(flow.condConstants + flow.bodyConstants);
      while (run(flow.cond, [...condConsts, ...carry])[0]!.data[0] !== 0)
        carry = run(flow.body, [...bodyConsts, ...carry]);
      return [...carry];
    }
    case 'scan':
      return scan(flow, args, outAvals);
  }
}

function scan(
  flow: ControlFlow & { kind: 'scan' },
  args: readonly HostArray[],
  outAvals: readonly Aval[],
): HostArray[] {
  const consts = args.slice(0, flow.constants);
  let carry = args.slice(flow.constants, flow.constants + flow.carry);
  const xs = args.slice(flow.constants + flow.carry);
  const ys = outAvals.slice(flow.carry).map((aval) => ({ aval, data: makeTypedArray(aval.dtype, aval.size) }));
  for (let step = 0; step < flow.length; step++) {
    const i = flow.reverse ? flow.length - 1 - step : step;
    const outs = run(flow.body, [...consts, ...carry, ...xs.map((x) => sliceAt(x, i))]);
    carry = outs.slice(0, flow.carry);
    outs.slice(flow.carry).forEach((y, k) => ys[k]!.data.set(y.data, i * y.data.length));
  }
  return [...carry, ...ys];
}

function sliceAt(x: HostArray, i: number): HostArray {
  const aval = x.aval.withShape(x.aval.shape.slice(1));
  return { aval, data: x.data.subarray(i * aval.size, (i + 1) * aval.size) as TypedArray };
}

/** Tensors are immutable, so results may share memory with operands. */
const own = (h: HostArray): ConcreteTensor => new ConcreteTensor(h.aval, new HostStorage(h.data, 'reference'));

export class ReferenceExecutor implements Executor {
  readonly name = 'reference';

  execute(
    primitive: AnyPrimitive,
    args: readonly ConcreteTensor[],
    params: object,
    outAvals: readonly Aval[],
  ): ConcreteTensor[] {
    return apply(primitive, args.map(toHost), params, outAvals).map((h, i) => own({ ...h, aval: outAvals[i]! }));
  }

  compile(program: Program): Executable {
    return (args) => run(program, args.map(toHost)).map(own);
  }

  fromHost(data: TypedArray): Storage {
    return new HostStorage(data, 'reference');
  }
}
