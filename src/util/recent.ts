/**
 * A map of bounded size that forgets what has not been used for longest.
 * May import: nothing.
 * @module
 */

export class Recent<T> {
  private readonly values = new Map<string, T>();
  private readonly maxEntries: number;
  /** Of all keys together: they are kept whole, since equality decides. */
  private readonly maxCharacters: number;
  private characters = 0;

  constructor(maxEntries: number, maxCharacters: number) {
    this.maxEntries = maxEntries;
    this.maxCharacters = maxCharacters;
  }

  get size(): number {
    return this.values.size;
  }

  get(key: string): T | undefined {
    const value = this.values.get(key);
    if (value === undefined) return undefined;
    this.values.delete(key);
    this.values.set(key, value);
    return value;
  }

  /** Adds what is not there yet. */
  add(key: string, value: T): void {
    this.values.set(key, value);
    this.characters += key.length;
    for (const oldest of this.values.keys()) {
      if (this.values.size <= this.maxEntries && this.characters <= this.maxCharacters) return;
      this.values.delete(oldest);
      this.characters -= oldest.length;
    }
  }
}
