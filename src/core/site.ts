/**
 * Source sites: where in the user's code something was made. Capturing keeps the engine's structured stack; text is made only when
 * an error or a dump asks for it.
 * May import: `ir`.
 * @module
 */
import type { SourceSite } from '../ir/program.ts';

/** Directory of the library's own modules, with the trailing slash: frames inside it are not the user's. */
const libraryRoot = import.meta.url.replace(/core\/[^/]*$/, '');
const libraryPath = libraryRoot.replace(/^file:\/\//, '');

const isOurs = (frame: string): boolean => frame.includes(libraryRoot) || frame.includes(libraryPath);

class StackSite implements SourceSite {
  private readonly error: { stack?: string };

  constructor(error: { stack?: string }) {
    this.error = error;
  }

  toString(): string {
    const frames = (this.error.stack ?? '').split('\n').slice(1);
    const users = frames.find((f) => !isOurs(f) && !f.includes('node:internal') && !f.includes('node_modules'));
    return (users ?? frames[0] ?? '').trim().replace(/^at /, '') || 'unknown site';
  }
}

/** Frames kept: the library's own calls between a user's line and an equation are fewer than half of this. */
const depth = 24;

/** The call that is under way. Costs about a microsecond. */
export function captureSite(): SourceSite {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = depth;
  const error = new Error();
  Error.stackTraceLimit = limit;
  return new StackSite(error);
}
