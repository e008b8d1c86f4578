/**
 * The entry `cotangent/inspect`: what functions cost, and why.
 * May import: `api` and everything below it.
 * @module
 */
export { explainRecompile, RecompileReport } from './explain-recompile.ts';
export type { Compilation } from '../api/jit-history.ts';
export type { ChangeKind, RecompileChange } from '../api/jit-changes.ts';
export { profile, type ProfileOptions } from './profile.ts';
export { type ChromeTrace, Profile, type ProfileRow, type TraceEvent } from './profile-report.ts';
export { nanDoctor, type NanDoctorOptions } from './nan-doctor.ts';
export { type NanFinding, NanReport, type NonFinite, type OperandReport } from './nan-report.ts';
export { Graph, graph, type GraphOptions } from './graph.ts';
export type { GraphBlock, GraphEdge, GraphNode, GraphNodeKind } from './graph-model.ts';
export { type MemoryGroup, MemoryReport, memoryReport } from './memory-report.ts';
