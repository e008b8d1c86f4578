/**
 * Gradient transformations and schedules: optimisers as pure update rules over pytrees.
 *
 * May import `api` and everything below it.
 * @module
 */
export {};
