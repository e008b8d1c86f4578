/**
 * Resident memory over many training steps that drop their arrays, nothing disposed by hand: its peak, and its growth a step.
 * @module
 */
import { jit } from 'cotangent';
import { initTransformer, smallTransformer, transformerBatch, transformerStep } from './models.ts';

const megabytes = (): number => process.memoryUsage().rss / 2 ** 20;

/** Reports 50 steps, eager and jitted, after 10 that fill what is kept. */
export function memory(report: (row: object) => void): void {
  for (const mode of ['jit', 'eager'] as const) {
    const { init, step } = transformerStep(smallTransformer);
    const run = mode === 'jit' ? (jit(step as never, { donateArgnums: [0, 1] }) as unknown as typeof step) : step;
    let params = initTransformer(smallTransformer);
    let state = init(params);
    const batch = transformerBatch(smallTransformer);
    let peak = 0;
    const steps = (n: number): void => {
      for (let i = 0; i < n; i++) {
        const [p, s, loss] = run(params, state, ...batch);
        loss.item();
        [params, state] = [p, s];
        peak = Math.max(peak, megabytes());
      }
    };
    steps(10);
    const before = megabytes();
    steps(50);
    const growth = (megabytes() - before) / 50;
    report({
      memory: `transformer step, ${mode}`,
      peak_mb: Math.round(peak),
      growth_mb_a_step: Number(growth.toFixed(3)),
    });
  }
}
