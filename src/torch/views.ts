/**
 * Views and changes in place. Values are immutable underneath: a change puts a new value in the place of the old one and counts; views
 * take over what happened to their base when they are next looked at. So nothing that was saved for a backward pass is ever overwritten.
 * May import: everything up to `api`, `tape`.
 * @module
 */
import { type DType, isFloat } from '../ir/dtype.ts';
import { DifferentiationError, DTypeError, ShapeError, TraceError } from '../ir/errors.ts';
import { sameShape } from '../ir/shape.ts';
import { type Tensor as CoreTensor, Tracer } from '../core/tensor.ts';
import { currentTrace } from '../core/trace.ts';
import { convert, iota, reshape, stopGradientOf } from '../primitives/index.ts';
import { updateIndexed } from '../api/at.ts';
import type { Edge } from '../tape/graph.ts';
import { Operation, OperationFamily } from '../tape/operation.ts';
import { moveKeeper } from './hooks.ts';
import { modes, withModes } from './modes.ts';
import { applyOperation, Tensor, type View } from './tensor.ts';

/** Operations after which one element of the base stands at several places of the view. */
const overlapping = new WeakSet<Operation>();

export function markOverlapping(map: Operation): Operation {
  overlapping.add(map);
  return map;
}

const composed = new WeakMap<Operation, WeakMap<Operation, Operation>>();

/** What composed operations are made of. */
const links = new WeakMap<Operation, { readonly first: Operation; readonly second: Operation }>();

/** Applies the links of a chain of views one after the other, the innermost first, without recursion. */
function applyChain(last: Operation, args: readonly CoreTensor[]): readonly CoreTensor[] {
  const steps: Operation[] = [];
  let at = last;
  for (let link = links.get(at); link !== undefined; link = links.get(at)) {
    steps.push(link.second);
    at = link.first;
  }
  return steps.reduceRight((values, step) => step.apply(values), at.apply(args));
}

/** `second` after `first`; one object for each pair. */
function compose(first: Operation | undefined, second: Operation): Operation {
  if (first === undefined) return second;
  let after = composed.get(first);
  if (after === undefined) composed.set(first, (after = new WeakMap()));
  let both = after.get(second);
  if (both === undefined) {
    const chain: Operation = new Operation(second.name, (args) => applyChain(chain, args));
    both = chain;
    links.set(both, { first, second });
    after.set(second, both);
    if (overlapping.has(first) || overlapping.has(second)) overlapping.add(both);
  }
  return both;
}

/** How elements of `x` come to be seen through `map`. */
function viewThrough(x: Tensor, map: Operation, siblings?: string): View {
  const view = x.viewed;
  const root = view?.root ?? x;
  return {
    root,
    fromRoot: compose(view?.fromRoot, map),
    base: view?.base ?? x,
    fromBase: compose(view?.base === undefined ? undefined : view.fromBase, map),
    siblings,
    seen: root.writes,
  };
}

/** Applies an operation whose result shares its elements with `x`. */
export function makeView(map: Operation, x: Tensor, node: string): Tensor {
  const [out] = applyOperation(map, [x.asCore()], node);
  out!.viewed = viewThrough(x, map);
  return out!;
}

/**
 * Several views made by one operation, which may not be changed in place while that is recorded.
 * @param one the operation that makes view number i alone
 */
export function makeViews(all: Operation, x: Tensor, node: string, one: (i: number) => Operation): Tensor[] {
  const outs = applyOperation(all, [x.asCore()], node);
  outs.forEach((out, i) => (out.viewed = viewThrough(x, one(i), node)));
  return outs;
}

/** The elements of `x` under a tensor of no history. */
export function detachView(x: Tensor): Tensor {
  const { value, viewed: view } = x;
  const out = new Tensor(withoutDerivative(value));
  const root = view?.root ?? x;
  const fromRoot = view?.fromRoot ?? identity;
  out.viewed = { root, fromRoot, base: undefined, fromBase: identity, siblings: undefined, seen: root.writes };
  return out;
}

/** A value that a transformation under way does not differentiate. */
const withoutDerivative = (x: CoreTensor): CoreTensor => (x instanceof Tracer ? stopGradientOf(x) : x);

const identity = new Operation('alias', (args) => args.map(withoutDerivative));

const puts = new WeakMap<Operation, Operation>();

/** (base, view) → the base with the elements of the view in their places. */
function putOperation(map: Operation): Operation {
  let put = puts.get(map);
  if (put === undefined) {
    put = new Operation('CopySlices', ([base, part]) => [putThrough(map, base!, part!)]);
    puts.set(map, put);
  }
  return put;
}

function putThrough(map: Operation, base: CoreTensor, part: CoreTensor): CoreTensor {
  if (part.size === 0) return base;
  const places = map.apply([reshape(iota([base.size], 'int32'), base.shape)])[0]!;
  const flat = updateIndexed('copy_', reshape(base, [base.size]), [places], 'set', part);
  return reshape(flat, base.shape);
}

/**
 * Puts what `compute` gives in the place of the value of `x`, of its base and of all its views.
 * @param op name for errors
 */
export function changeInPlace(op: string, x: Tensor, compute: () => Tensor): Tensor {
  checkLeaf(op, x);
  const view = x.viewed;
  const hasHistory = x.requiresGrad || view?.base?.requiresGrad === true;
  const made = fitted(op, x, compute());
  const isRecorded = modes.isGradEnabled && (made.requiresGrad || hasHistory);
  if (isRecorded) checkSiblings(op, x);
  checkTrace(op, x, made);
  const fresh = isRecorded && !made.requiresGrad ? forgetting(x, made) : made;
  const root = view?.root ?? x;
  if (view !== undefined) {
    if (overlapping.has(view.fromRoot)) throw overlap(op, x);
    writeThrough(view, fresh, isRecorded);
  }
  replace(x, fresh.value, isRecorded ? fresh.edge() : x.origin);
  root.writes++;
  if (view !== undefined) view.seen = root.writes;
  return x;
}

/** Puts a value of the core in the place of that of `x`, its base and its views, unrecorded. */
export const assignValue = (op: string, x: Tensor, value: CoreTensor): Tensor =>
  withModes({ isGradEnabled: false }, () => changeInPlace(op, x, () => new Tensor(value)));

/** Puts a value and its history in the place of those of a tensor. */
function replace(x: Tensor, value: CoreTensor, origin: Edge | undefined): void {
  const before = x.origin;
  x.overwrite(value, origin);
  moveKeeper(x, before, origin);
}

const replacement = new Operation('fill', ([, fresh]) => [fresh!]);

/** A value without history in the place of one that has some: nothing reaches what that was computed from any more but zeros. */
const forgetting = (x: Tensor, fresh: Tensor): Tensor =>
  applyOperation(replacement, [x.asCore(), fresh.asCore()], 'FillBackward0')[0]!;

/** Changes what a view is of: with history as far as views are differentiable, by value beyond. */
function writeThrough({ root, fromRoot, base, fromBase }: View, fresh: Tensor, isRecorded: boolean): void {
  if (base !== undefined) {
    const [changed] = withModes({ isGradEnabled: isRecorded }, () =>
      applyOperation(putOperation(fromBase), [base.asCore(), fresh.asCore()]),
    );
    replace(base, changed!.value, isRecorded ? changed!.edge() : base.origin);
    if (base.viewed !== undefined) base.viewed.seen = root.writes + 1;
  }
  if (base === root) return;
  const [changed] = withModes({ isGradEnabled: false }, () =>
    applyOperation(putOperation(fromRoot), [root.asCore(), fresh.asCore()]),
  );
  root.overwrite(changed!.value, root.origin);
}

/** The new value in the shape and dtype of the tensor that takes it. */
function fitted(op: string, x: Tensor, fresh: Tensor): Tensor {
  if (!sameShape(fresh.shape, x.shape)) {
    throw new ShapeError(
      `${op}: expected a result of the shape of the tensor that is changed, got ${fresh.aval.toString()} for ${x.aval.toString()}: ` +
        `output with shape [${x.shape.join(', ')}] doesn't match the broadcast shape [${fresh.shape.join(', ')}].`,
      'use the method without the underscore, whose result is a new tensor.',
    );
  }
  if (fresh.dtype === x.dtype) return fresh;
  if (isFloat(fresh.dtype) && !isFloat(x.dtype)) {
    throw new DTypeError(
      `${op}: expected a result that fits ${x.aval.toString()}, got ${fresh.aval.toString()}: result type ${fresh.dtype} can't be cast ` +
        `to the desired output type ${x.dtype}.`,
      'convert the tensor first.',
    );
  }
  return convertTo(fresh, x.dtype);
}

const conversions = new OperationFamily<DType>('ToCopy', ([x], dtype) => [convert(x!, dtype)]);

/** `x` with its elements converted, as a recorded operation. */
export const convertTo = (x: Tensor, dtype: DType): Tensor =>
  applyOperation(conversions.of(dtype), [x.asCore()], 'ToCopyBackward0')[0]!;

function checkLeaf(op: string, x: Tensor): void {
  if (x.isOfInference && !modes.isInference) {
    throw new DifferentiationError(
      `${op}: expected a tensor made outside inferenceMode, got ${x.aval.toString()}. Inplace update to inference tensor outside ` +
        'InferenceMode is not allowed.',
      'clone it outside inferenceMode for a normal tensor.',
    );
  }
  if (!modes.isGradEnabled) return;
  const base = x.viewed?.base;
  const isViewOfLeaf = base?.isLeaf === true && base.requiresGrad;
  if (!isViewOfLeaf && !(x.isLeaf && x.requiresGrad)) return;
  throw new DifferentiationError(
    `${op}: expected a tensor that was computed, or does not require grad, got ${x.aval.toString()}: a ${isViewOfLeaf ? 'view of a ' : ''}` +
      'leaf Variable that requires grad is being used in an in-place operation.',
    'change leaves inside noGrad(() => …), as optimizers do.',
  );
}

function checkSiblings(op: string, { viewed: view, outputNr, aval }: Tensor): void {
  if (view?.siblings === undefined) return;
  throw new DifferentiationError(
    `${op}: expected a tensor that is not one of several views made at once, got ${aval.toString()}. Output ${outputNr} of ` +
      `${view.siblings} is a view and is being modified inplace. This view is the output of a function that returns multiple views.`,
    'use the method without the underscore, or change the base through one index.',
  );
}

/** A traced function may not leave traced values in tensors from outside. */
function checkTrace(op: string, x: Tensor, fresh: Tensor): void {
  const here = currentTrace();
  const isInside = (t: Tensor): boolean => t.value instanceof Tracer && t.value.tracedBy === here;
  if (here === modes.home || !isInside(fresh) || isInside(x)) return;
  throw new TraceError(
    `${op}: expected a tensor made inside ${here.name}, got ${x.aval.toString()} from outside, which would be left with a value that ` +
      'has no numbers.',
    'return the new value from the function and store it outside.',
  );
}

const overlap = (op: string, { aval }: Tensor): ShapeError =>
  new ShapeError(
    `${op}: expected a tensor whose elements are stored apart, got an expanded ${aval.toString()}: unsupported operation: more than ` +
      'one element of the written-to tensor refers to a single memory location.',
    'clone it first.',
  );
