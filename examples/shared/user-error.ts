/**
 * Mistakes of the person at the keyboard: shown as one line, without a stack.
 * @module
 */

export class UserError extends Error {
  /** 1: the world is not as needed (a file is missing or broken). 2: the command line is wrong. */
  readonly exitCode: 1 | 2;

  constructor(message: string, exitCode: 1 | 2 = 1) {
    super(message);
    this.name = 'UserError';
    this.exitCode = exitCode;
  }
}
