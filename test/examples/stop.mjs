/**
 * Preloaded by `process.ts`: sends this process COTANGENT_TEST_SIGNAL in the first turn of the event loop in which a step has been
 * made (the progress bar is on standard error) and COTANGENT_TEST_FILE exists, where one is given.
 * @module
 */
import { existsSync } from 'node:fs';

const { COTANGENT_TEST_SIGNAL: signal, COTANGENT_TEST_FILE: file } = process.env;

let hasStarted = false;
const write = process.stderr.write.bind(process.stderr);
process.stderr.write = (chunk, ...rest) => {
  hasStarted ||= String(chunk).includes('% |');
  return write(chunk, ...rest);
};

function watch() {
  if (hasStarted && (file === undefined || existsSync(file))) process.kill(process.pid, signal);
  else setImmediate(watch).unref();
}
watch();
