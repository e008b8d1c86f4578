/**
 * The entry `cotangent/onnx`: traced functions as ONNX models.
 * @module
 */
export { exportOnnx, type ExportOptions } from './export.ts';
