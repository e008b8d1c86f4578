/**
 * The composite cases, written as a user of the library would write them, by name of the case.
 * @module
 */

/** A ported case: named inputs to labelled results. */
export type Port = (inputs: Readonly<Record<string, unknown>>) => Readonly<Record<string, unknown>>;

export const ports: Readonly<Record<string, Port>> = {};
