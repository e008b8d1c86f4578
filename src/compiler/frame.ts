/**
 * The space of a group: `size` elements, or `rows` rows of `size / rows` elements with values for each row and for each element.
 * May import: nothing.
 * @module
 */
export interface Frame {
  readonly size: number;
  readonly rows: number | undefined;
  /**
   * `rows`: holds reductions, whose results are one for each position, or one for each row. `flat`: among them one over elements that are
   * not adjacent, which runs side by side for neighbours in the result and not row by row.
   */
  readonly reduces: 'flat' | 'rows' | undefined;
}

/** Shorter rows are not worth a loop of their own: two groups of four lanes. */
const minColumns = 8;

/** Rows that one pass after another finds in the first-level cache; 32 KiB of float32. */
export const maxCachedRow = 8192;

export const flatFrame = (size: number, reduces: Frame['reduces']): Frame => ({ size, rows: undefined, reduces });

/** `rows` rows of `size` elements in all; undefined when there are too few columns. */
export function rowFrame(rows: number, size: number): Frame | undefined {
  return rows > 0 && size >= minColumns * rows ? { size, rows, reduces: undefined } : undefined;
}

/** Whether `f` fits in `frame`, which has rows if either has. */
function fitsIn(f: Frame, { size, rows }: Frame): boolean {
  if (f.rows !== undefined || rows === undefined) return f.size === size && f.rows === rows;
  return f.size === rows || (f.size === size && f.reduces === undefined);
}

/** The frame of what fits both frames, if they can be one. */
export function joinFrames(a: Frame, b: Frame): Frame | undefined {
  const [wide, other] = a.rows === undefined ? [b, a] : [a, b];
  const reduces = a.reduces === 'flat' ? a.reduces : (b.reduces ?? a.reduces);
  if (!fitsIn(other, wide) || (reduces === 'flat' && wide.rows !== undefined)) return undefined;
  return { ...wide, reduces };
}
