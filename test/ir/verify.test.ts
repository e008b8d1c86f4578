/**
 * The verifier accepts what tracing makes and names the equation of what is wrong.
 * @module
 */
import { describe, expect, it } from 'vitest';
import { f32, i32 } from '../../src/ir/aval.ts';
import { Equation, Literal, Program, Var } from '../../src/ir/program.ts';
import { verifyProgram } from '../../src/ir/verify.ts';
import { addP, mulP } from '../../src/primitives/arithmetic.ts';
import { scanP } from '../../src/control/scan.ts';

const x = new Var(f32(2));
const y = new Var(f32(2));
const z = new Var(f32(2));
const sum = new Equation(addP, [x, y], {}, [z]);

describe('verifyProgram', () => {
  it('accepts definitions before uses', () => {
    const w = new Var(f32(2));
    const product = new Equation(mulP, [z, new Literal({ aval: f32(), scalar: 2 })], {}, [w]);
    expect(() => verifyProgram(new Program('ok', [x, y], [sum, product], [w, x]))).not.toThrow();
  });

  it('rejects free variables, in equations and in outputs', () => {
    expect(() => verifyProgram(new Program('free', [x], [sum], [z]))).toThrow(/free f32\[2\][^]*add/);
    expect(() => verifyProgram(new Program('free', [x, y], [sum], [new Var(i32())]))).toThrow(/free i32\[\]/);
  });

  it('rejects uses before definitions', () => {
    const w = new Var(f32(2));
    const early = new Equation(mulP, [z, z], {}, [w]);
    expect(() => verifyProgram(new Program('order', [x, y], [early, sum], [w]))).toThrow(/before their use[^]*mul/);
  });

  it('rejects second definitions', () => {
    expect(() => verifyProgram(new Program('twice', [x, y], [sum, sum], [z]))).toThrow(/second of f32\[2\][^]*add/);
    expect(() => verifyProgram(new Program('twice', [x, x], [], [x]))).toThrow(/second of f32\[2\]/);
  });

  it('rejects results and operands that the primitive does not have', () => {
    const wrong = new Equation(addP, [x, y], {}, [new Var(f32(3))]);
    expect(() => verifyProgram(new Program('avals', [x, y], [wrong], []))).toThrow(/expected results f32\[2\]/);
    const mixed = new Equation(addP, [x, new Literal({ aval: i32(), scalar: 1 })], {}, [new Var(f32(2))]);
    expect(() => verifyProgram(new Program('avals', [x], [mixed], []))).toThrow(/operands of one dtype[^]*add/);
  });

  it('looks into sub-Programs', () => {
    const body = new Program('body', [x], [sum], [z]);
    const params = { body, numConsts: 0, numCarry: 1, length: 3, reverse: false };
    const loop = new Equation(scanP, [y], params, [new Var(f32(2))]);
    expect(() => verifyProgram(new Program('outer', [y], [loop], []))).toThrow(/program body: [^]*add/);
  });
});
