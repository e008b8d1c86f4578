/**
 * What the compiler must know about the package's entry; compiled by `npm run typecheck`, never run.
 * @module
 */
import * as cotangent from 'cotangent';
import { expectTypeOf } from 'vitest';

expectTypeOf(cotangent).toBeObject();
