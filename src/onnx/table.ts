/**
 * How each primitive is written in ONNX, by its record; and those that are not, with the reason. A test walks the registry: a primitive
 * is in one of the two, is replaced by its Program, or is control flow.
 * May import: `primitives`, `transforms`, `onnx`.
 * @module
 */
import { type AnyPrimitive, erase } from '../core/primitive.ts';
import { axisIndexP, pmaxP, pminP, psumP } from '../primitives/collective.ts';
import * as p from '../primitives/index.ts';
import { customLinearP } from '../transforms/custom-linear.ts';
import { arrays } from './arrays.ts';
import { contractions } from './contractions.ts';
import { elementwise } from './elementwise.ts';
import { functions } from './functions.ts';
import { indexing } from './indexing.ts';
import type { Lowering } from './lowering.ts';
import { reductions } from './reductions.ts';
import { windows } from './windows.ts';

export const lowerings: ReadonlyMap<AnyPrimitive, Lowering<object>> = new Map([
  ...elementwise,
  ...functions,
  ...arrays,
  ...reductions,
  ...contractions,
  ...windows,
  ...indexing,
]);

const noOperator = 'ONNX has no operator for it; compute it outside the exported function.';
const onlyMapped = 'it stands for an axis of vmap; export the mapped function.';

/** Primitives without a lowering, and what to do about each. */
export const unsupported: ReadonlyMap<AnyPrimitive, string> = new Map<AnyPrimitive, string>([
  [erase(p.populationCountP), noOperator],
  [erase(p.clzP), noOperator],
  [erase(p.nextAfterP), noOperator],
  [erase(p.erfInvP), noOperator],
  [erase(p.lgammaP), noOperator],
  [erase(p.digammaP), noOperator],
  [erase(p.besselI0eP), noOperator],
  [erase(p.besselI1eP), noOperator],
  [erase(p.polygammaP), noOperator],
  [erase(p.zetaP), noOperator],
  [erase(p.igammaP), noOperator],
  [erase(p.igammacP), noOperator],
  [erase(p.igammaGradAP), noOperator],
  [erase(p.betaincP), noOperator],
  [erase(p.choleskyP), noOperator],
  [erase(p.eighP), noOperator],
  [erase(p.factoredSolveP), noOperator],
  [erase(p.luP), noOperator],
  [erase(p.qrP), noOperator],
  [erase(p.svdP), noOperator],
  [erase(p.triangularSolveP), noOperator],
  [erase(p.bitcastP), 'ONNX reads no bits of one type as another before opset 24; convert by value.'],
  [erase(p.threefry2x32P), 'draw the random numbers outside, and pass them as an argument.'],
  [erase(psumP), onlyMapped],
  [erase(pmaxP), onlyMapped],
  [erase(pminP), onlyMapped],
  [erase(axisIndexP), onlyMapped],
  [erase(customLinearP), 'export the derivative with its own arguments, not a linearized function.'],
]);
