/**
 * The settings as the process's first test file got them: evaluated once, where files share a process.
 * @module
 */
import { type Settings, settings } from '../../src/core/config.ts';

export const firstSettings: Settings = { ...settings };
