/**
 * What every example does between its command line and its first step: the state is new, or that of a checkpoint.
 * @module
 */
import { Checkpoint, type Resumable } from './checkpoint.ts';
import { type Flags, text } from './command-line.ts';

/** One run of an example. */
export interface Session<Settings, Arrays, Point> {
  readonly flags: Flags;
  /** Those of the checkpoint where the run is resumed. */
  readonly settings: Settings;
  /** Moved on in place. */
  readonly state: Resumable<Arrays, Point>;
  readonly checkpoint: Checkpoint<Settings, Arrays, Point>;
  /** The step after which the run is over. */
  readonly total: number;
}

export interface Plan<Settings, Arrays> {
  readonly program: string;
  readonly flags: Flags;
  /** Settings that the flags ask for. */
  readonly asked: Settings;
  readonly arrays: (settings: Settings) => Arrays;
  readonly total: (settings: Settings) => number;
}

/** @throws UserError if the run is to be resumed and there is no usable checkpoint */
export function openSession<Settings, Arrays, Point>({
  program,
  flags,
  asked,
  ...of
}: Plan<Settings, Arrays>): Session<Settings, Arrays, Point> {
  const checkpoint = new Checkpoint<Settings, Arrays, Point>(program, text(flags, 'checkpoint'));
  const isResumed = flags['resume'] === true;
  const settings = isResumed ? checkpoint.settings() : asked;
  const fresh: Resumable<Arrays, Point> = { arrays: of.arrays(settings), step: 0, history: [] };
  const state = isResumed ? checkpoint.load(fresh) : fresh;
  const total = of.total(settings);
  if (isResumed) console.log(`resumed at step ${state.step} of ${total}`);
  return { flags, settings, state, checkpoint, total };
}
