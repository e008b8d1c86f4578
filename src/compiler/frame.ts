/**
 * The space of a group: `size` elements, or `rows` rows of `size / rows` elements with values for each row and for each element.
 * May import: nothing.
 * @module
 */
export interface Frame {
  readonly size: number;
  readonly rows: number | undefined;
  /** Holds a reduction over elements that are not adjacent: it runs side by side for neighbours in the result, not row by row. */
  readonly isFlat: boolean;
}

/** Shorter rows are not worth a loop of their own: two groups of four lanes. */
const minColumns = 8;

/** Rows that one pass after another finds in the first-level cache; 32 KiB of float32. */
export const maxCachedRow = 8192;

export const flatFrame = (size: number, isFlat: boolean): Frame => ({ size, rows: undefined, isFlat });

/** `rows` rows of `size` elements in all; undefined when there are too few columns. */
export function rowFrame(rows: number, size: number): Frame | undefined {
  return rows > 0 && size >= minColumns * rows ? { size, rows, isFlat: false } : undefined;
}

const holds = (f: Frame, { size, rows }: Frame): boolean =>
  f.rows === undefined ? f.size === size || f.size === rows : f.size === size && f.rows === rows;

/** The frame of what fits both frames, if they can be one. */
export function joinFrames(a: Frame, b: Frame): Frame | undefined {
  const [wide, other] = a.rows === undefined ? [b, a] : [a, b];
  const isFlat = a.isFlat || b.isFlat;
  if (!holds(other, wide) || (isFlat && wide.rows !== undefined)) return undefined;
  return wide.isFlat === isFlat ? wide : { ...wide, isFlat };
}
