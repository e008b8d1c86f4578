/**
 * Initial values beyond `initializers`.
 * May import: `core`, `primitives`, `api`.
 * @module
 */
import type { Initializer } from '../api/nn/initializers.ts';
import { uniform } from '../api/random/uniform.ts';
import { defaultFloat } from '../core/config.ts';
import { isOptions } from '../api/options.ts';
import { optionalDType, type DTypeLike } from '../api/numpy/dtypes.ts';

/** Uniform on [−limit, limit). */
export const uniformOn =
  (limit: number): Initializer =>
  (key, shape, dtype) => {
    const given = isOptions(dtype) ? (dtype as { readonly dtype?: DTypeLike }).dtype : dtype;
    return uniform(key, shape, optionalDType('nn', given) ?? defaultFloat(), -limit, limit);
  };
