/**
 * A binary min-heap of numbers with keys.
 * May import: nothing.
 * @module
 */
export class MinHeap {
  private readonly keys: number[] = [];
  private readonly values: number[] = [];

  push(key: number, value: number): void {
    let i = this.keys.length;
    this.keys.push(key);
    this.values.push(value);
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (this.keys[parent]! <= this.keys[i]!) break;
      this.swap(i, parent);
      i = parent;
    }
  }

  peekKey(): number | undefined {
    return this.keys[0];
  }

  /** The value with the smallest key. */
  pop(): number | undefined {
    const last = this.keys.length - 1;
    if (last < 0) return undefined;
    this.swap(0, last);
    this.keys.pop();
    const top = this.values.pop();
    this.sink();
    return top;
  }

  private sink(): void {
    const n = this.keys.length;
    for (let i = 0; ;) {
      let least = i;
      for (const child of [2 * i + 1, 2 * i + 2]) if (child < n && this.keys[child]! < this.keys[least]!) least = child;
      if (least === i) return;
      this.swap(i, least);
      i = least;
    }
  }

  private swap(i: number, j: number): void {
    [this.keys[i], this.keys[j]] = [this.keys[j]!, this.keys[i]!];
    [this.values[i], this.values[j]] = [this.values[j]!, this.values[i]!];
  }
}
