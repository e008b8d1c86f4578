/**
 * Typed errors. A message reads `<op>: expected <rule>, got <values>.`, then `Fix: …`, then the docs page of the stable code.
 * May import: nothing.
 * @module
 */

export type ErrorDetails = Readonly<Record<string, unknown>>;

const docs = 'https://github.com/cotangent-js/cotangent/blob/main/docs/errors.md';

/** Base of every error Cotangent throws on purpose. */
export class CotangentError extends Error {
  readonly code: string;
  readonly details: ErrorDetails;

  constructor(code: string, message: string, fix?: string, details: ErrorDetails = {}) {
    super(`${message}${fix ? `\n  Fix: ${fix}` : ''}\n  See: ${docs}#${code.toLowerCase()}`);
    this.name = new.target.name;
    this.code = code;
    this.details = details;
  }
}

/**
 * Says where in a tree of parts an error came up: parts that pass one on put their step in front of the path, as `.layers[1]`.
 * Errors of others pass unchanged.
 */
export function locateError(error: unknown, step: string): void {
  if (!(error instanceof CotangentError)) return;
  const before = error.message;
  const known = /\n {2}At: /.exec(before);
  const end = known?.index ?? /\n {2}(?:Fix|See): /.exec(before)!.index;
  const rest = known ? before.slice(end + known[0].length) : before.slice(end);
  error.message = `${before.slice(0, end)}\n  At: ${step}${rest}`;
  // Engines put the message into the stack's text when the error is made.
  if (error.stack) error.stack = error.stack.replace(before, () => error.message);
}

/** Shapes do not fit the rule of an operation. */
export class ShapeError extends CotangentError {
  constructor(message: string, fix?: string, details?: ErrorDetails) {
    super('E_SHAPE', message, fix, details);
  }
}

/** Element types do not fit the rule of an operation. */
export class DTypeError extends CotangentError {
  constructor(message: string, fix?: string, details?: ErrorDetails) {
    super('E_DTYPE', message, fix, details);
  }
}

/** A value that has no numbers was used as if it had, or a traced value outlived its trace. */
export class TraceError extends CotangentError {
  constructor(message: string, fix?: string, details?: ErrorDetails) {
    super('E_TRACE', message, fix, details);
  }
}

/** The structure (pytree) of arguments or results does not fit. */
export class TreeError extends CotangentError {
  constructor(message: string, fix?: string, details?: ErrorDetails) {
    super('E_TREE', message, fix, details);
  }
}

/** An argument has a value that the operation does not accept. */
export class ArgumentError extends CotangentError {
  constructor(message: string, fix?: string, details?: ErrorDetails) {
    super('E_ARGUMENT', message, fix, details);
  }
}

/** No derivative of the requested mode exists. */
export class DifferentiationError extends CotangentError {
  constructor(message: string, fix?: string, details?: ErrorDetails) {
    super('E_DIFFERENTIATION', message, fix, details);
  }
}

/** The device is missing, ran out of memory, or the tensor's memory is gone. */
export class BackendError extends CotangentError {
  constructor(message: string, fix?: string, details?: ErrorDetails) {
    super('E_BACKEND', message, fix, details);
  }
}

/** `config.memoryLimit` or the heap's own limit would be exceeded. */
export class MemoryError extends CotangentError {
  constructor(message: string, fix?: string, details?: ErrorDetails) {
    super('E_MEMORY', message, fix, details);
  }
}

/** A file or a table from outside is malformed, or holds what has no counterpart here. */
export class FileError extends CotangentError {
  constructor(message: string, fix?: string, details?: ErrorDetails) {
    super('E_FILE', message, fix, details);
  }
}

/** A fault of Cotangent itself. */
export class InternalError extends CotangentError {
  constructor(message: string, details?: ErrorDetails) {
    super('E_INTERNAL', `internal: ${message}`, 'please report this with the program that caused it.', details);
  }
}
