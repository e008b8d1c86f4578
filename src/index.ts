/**
 * The public entry: everything a user imports from `cotangent`.
 * @module
 */
export {};
