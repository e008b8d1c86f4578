/**
 * Run by `wide.test.ts` in a process of its own, since it sets flags of the engine: turns 256-bit code on and off, and prints what came
 * of it as JSON.
 * @module
 */
import { configure } from '../../../src/api/device.ts';
import { jit, np, type Tensor } from '../../../src/index.ts';
import { isWide, setWide } from '../../../src/backends/wasm/wide.ts';

const warnings: string[] = [];
console.warn = (...args: unknown[]) => void warnings.push(args.join(' '));

const n = 203;
const data = Float32Array.from({ length: n * n }, (_, i) => Math.sin(i));
const x = np.array(data, { shape: [n, n] });
const f = (y: Tensor): Tensor => np.add(np.matmul(y, np.transpose(y)), np.tanh(np.multiply(y, 3)));
/** Both use a negated operand whose register is needed again. */
const negated = (y: Tensor): Tensor[] => {
  const z = np.maximum(np.negative(y), 0.1);
  return [z, np.multiply(np.add(z, y), y)];
};
/** Long code before what is done lane by lane. */
const lanewise = (y: Tensor): Tensor => {
  const z = np.power(np.abs(y), y);
  return np.fmod(np.tanh(z), z);
};
const doubles = np.array(Float64Array.from(data), { shape: [n, n] });
const result = (g: (y: Tensor) => Tensor): number[] => [...(g(x).dataSync() as Float32Array)];

/** Often enough that all code is optimised. */
function settled(): number[][] {
  const compiled = jit(f);
  const compiledNegated = jit(negated);
  const compiledLanewise = jit(lanewise);
  for (let i = 0; i < 60; i++) {
    [f, compiled].forEach((g) => g(x));
    compiledNegated(doubles);
    compiledLanewise(doubles);
  }
  const wider = [...compiledNegated(doubles), compiledLanewise(doubles)];
  return [result(f), result(compiled), ...wider.map((t) => [...(t.dataSync() as Float64Array)])];
}

const narrow = settled();
configure({ simd256: true });
const isOn = isWide();
const wide = settled();
configure({ simd256: true });
setWide(true);
configure({ simd256: false });
const isOff = !isWide();
const again = settled();
const same = [wide, again].every((r) => JSON.stringify(r) === JSON.stringify(narrow));
process.stdout.write(JSON.stringify({ isOn, isOff, same, warnings }));
