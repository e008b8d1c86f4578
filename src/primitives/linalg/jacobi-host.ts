/**
 * Eigenvectors and singular vectors by plane rotations of all pairs in turn, in plain float64 JavaScript, for the reference: another way
 * than that of the kernels, whose results it checks. Sweeps end when nothing was rotated.
 * @see G. H. Golub, C. F. Van Loan, Matrix Computations (2013), sections 8.5 and 8.6.3
 * May import: nothing.
 * @module
 */

const mostSweeps = 60;

interface Rotation {
  readonly c: number;
  readonly s: number;
  readonly t: number;
}

function rotationOf(p: number, q: number, off: number): Rotation {
  const cot = (q - p) / (2 * off);
  const size = 1 / (Math.abs(cot) + Math.sqrt(1 + cot * cot));
  const t = cot < 0 ? -size : size;
  const c = 1 / Math.sqrt(1 + t * t);
  return { c, s: t * c, t };
}

function rotateRows(x: Float64Array, y: Float64Array, { c, s }: Rotation): void {
  for (let j = 0; j < x.length; j++) [x[j], y[j]] = [c * x[j]! - s * y[j]!, s * x[j]! + c * y[j]!];
}

function sweep(n: number, rotate: (p: number, q: number) => boolean): void {
  for (let i = 0, hasRotated = true; hasRotated && i < mostSweeps; i++) {
    hasRotated = false;
    for (let p = 0; p < n; p++) for (let q = p + 1; q < n; q++) hasRotated = rotate(p, q) || hasRotated;
  }
}

export const identityRows = (n: number): Float64Array[] =>
  Array.from({ length: n }, (_, i) => Float64Array.from({ length: n }, (__, j) => Number(i === j)));

/** Makes the symmetric matrix diagonal; rows of the result are its eigenvectors. */
export function diagonalizeHost(a: readonly Float64Array[], epsilon: number): Float64Array[] {
  const vectors = identityRows(a.length);
  const scale = Math.max(0, ...a.map((row) => row.reduce((most, x) => Math.max(most, Math.abs(x)), 0)));
  sweep(a.length, (p, q) => {
    const off = a[p]![q]!;
    if (!(Math.abs(off) > (scale * epsilon) / 4)) return false;
    const [x, y] = [a[p]![p]!, a[q]![q]!];
    const rotation = rotationOf(x, y, off);
    rotateRows(a[p]!, a[q]!, rotation);
    a[p]![p] = x - rotation.t * off;
    a[q]![q] = y + rotation.t * off;
    a[p]![q] = 0;
    a[q]![p] = 0;
    a.forEach((row, i) => {
      row[p] = a[p]![i]!;
      row[q] = a[q]![i]!;
    });
    rotateRows(vectors[p]!, vectors[q]!, rotation);
    return true;
  });
  return vectors;
}

/** Makes the rows orthogonal; returns the rotations put together, as rows. */
export function orthogonalizeRowsHost(rows: readonly Float64Array[], epsilon: number): Float64Array[] {
  const vectors = identityRows(rows.length);
  const tolerance = epsilon * Math.sqrt(rows[0]?.length ?? 0);
  const inner = (x: Float64Array, y: Float64Array): number => x.reduce((sum, e, j) => sum + e * y[j]!, 0);
  sweep(rows.length, (p, q) => {
    const [x, y] = [rows[p]!, rows[q]!];
    const [off, xx, yy] = [inner(x, y), inner(x, x), inner(y, y)];
    if (!(Math.abs(off) > Math.max(tolerance * Math.sqrt(xx) * Math.sqrt(yy), epsilon * epsilon))) return false;
    const rotation = rotationOf(xx, yy, off);
    rotateRows(x, y, rotation);
    rotateRows(vectors[p]!, vectors[q]!, rotation);
    return true;
  });
  return vectors;
}
