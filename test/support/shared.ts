/**
 * Runs before each test file that shares its process with others, after `configure.ts`. The file starts from the settings of the
 * configuration, the usual device and the first random number, whatever the file before it set; and it fails if it leaves behind
 * what none may: a trace, a mode or a tape still under way, or a device that the others would run on too.
 * @module
 */
import { afterAll, expect } from 'vitest';
import { settings } from '../../src/core/config.ts';
import { setUpDevices } from '../../src/api/device.ts';
import { announceSettings, executorNames, setActiveExecutor } from '../../src/core/executor.ts';
import { currentTrace } from '../../src/core/trace.ts';
import { activeWatchers } from '../../src/tf/tapes.ts';
import { defaultGenerator } from '../../src/torch/generator.ts';
import { modes } from '../../src/torch/modes.ts';
import { firstSettings } from './first-settings.ts';

setUpDevices();
Object.assign(settings, firstSettings);
setActiveExecutor(settings.defaultDevice);
announceSettings();
defaultGenerator.manualSeed(0);

const underWay = (): object => ({
  trace: currentTrace().name,
  modes,
  tapes: activeWatchers(),
  devices: executorNames(),
});
const before = underWay();

afterAll(() => {
  expect(underWay(), 'what a file may not leave behind for those that share its process').toEqual(before);
});
