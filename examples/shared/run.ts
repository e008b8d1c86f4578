/**
 * Steps with a progress bar that tells the time left, checkpoints on the way, and an orderly stop on SIGINT and SIGTERM.
 * @module
 */
import cliProgress from 'cli-progress';
import { CotangentError } from 'cotangent';
import type { Session } from './session.ts';
import { UserError } from './user-error.ts';

class Interrupted extends Error {}

export interface Steps<Settings, Arrays, Point> extends Omit<Session<Settings, Arrays, Point>, 'flags'> {
  /** Makes one step: changes `state.arrays`, and `state.history` where there is something to remember. */
  readonly step: () => void;
  /** Called after each step: whether the state is to be saved now. */
  readonly isCheckpoint: (step: number) => boolean;
  /** What the bar says besides percentage, speed and time left, and in what form: `loss {loss}`. */
  readonly format: string;
  readonly show: () => Record<string, string>;
  /** Work in one step and what it is counted in, for the speed. */
  readonly perStep?: { readonly amount: number; readonly unit: string };
}

/** Runs the steps that remain. The state is saved where `isCheckpoint` says, after the last step, and when interrupted. */
export async function run<Settings, Arrays, Point>(steps: Steps<Settings, Arrays, Point>): Promise<void> {
  const { checkpoint, settings, state, total, perStep = { amount: 1, unit: 'steps' } } = steps;
  const bar = new cliProgress.SingleBar({
    format: `{bar} {percentage}% | ${steps.format} | {speed} ${perStep.unit}/s | {left} left`,
    barsize: 24,
    noTTYOutput: true,
    notTTYSchedule: 5000,
  });
  const start = { time: performance.now(), step: state.step };
  const payload = (): Record<string, string> => {
    const rate = (state.step - start.step) / ((performance.now() - start.time) / 1000);
    const speed = rate * perStep.amount;
    const left = state.step === start.step ? '–' : timeLeft((total - state.step) / rate);
    return { ...steps.show(), speed: Number.isFinite(speed) ? speed.toFixed(speed < 10 ? 1 : 0) : '–', left };
  };
  let isInterrupted = false;
  const interrupt = (): void => void (isInterrupted = true);
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', interrupt);
  bar.start(total, state.step, payload());
  try {
    while (state.step < total) {
      steps.step();
      state.step++;
      bar.update(state.step, payload());
      // Signals are seen between steps only; they need a turn of the event loop.
      await new Promise((resolve) => setImmediate(resolve));
      const isLast = state.step === total;
      if (isInterrupted || isLast || steps.isCheckpoint(state.step)) checkpoint.save(settings, state);
      if (isInterrupted && !isLast) throw new Interrupted();
    }
  } finally {
    bar.stop();
    process.off('SIGINT', interrupt);
    process.off('SIGTERM', interrupt);
  }
}

function timeLeft(seconds: number): string {
  const s = Math.ceil(seconds);
  return s < 120 ? `${s} s` : `${Math.ceil(s / 60)} min`;
}

/** Runs an example's `main`; what the person at the keyboard can mend is one line on standard error. */
export async function runMain(main: () => Promise<void>): Promise<void> {
  try {
    await main();
  } catch (error) {
    if (error instanceof Interrupted) {
      console.error('\ninterrupted: the state is saved; run again with --resume to continue.');
      process.exitCode = 130;
    } else if (error instanceof UserError || error instanceof CotangentError) {
      console.error(error.message);
      process.exitCode = error instanceof UserError ? error.exitCode : 1;
    } else {
      throw error;
    }
  }
}
