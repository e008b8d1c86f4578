/**
 * A growable byte buffer with the integer and float encodings of the WebAssembly binary format.
 * May import: nothing.
 * @module
 */

const scratch = new DataView(new ArrayBuffer(8));

/** Writes bytes; numbers are LEB128 unless said. */
export class ByteWriter {
  private bytes: Uint8Array<ArrayBuffer>;
  length = 0;

  constructor(capacity = 256) {
    this.bytes = new Uint8Array(capacity);
  }

  private reserve(extra: number): void {
    const needed = this.length + extra;
    if (needed <= this.bytes.length) return;
    const grown = new Uint8Array(Math.max(needed, this.bytes.length * 2));
    grown.set(this.bytes.subarray(0, this.length));
    this.bytes = grown;
  }

  u8(x: number): void {
    if (this.length === this.bytes.length) this.reserve(1);
    this.bytes[this.length++] = x;
  }

  /** Unsigned LEB128 of an integer below 2^32. */
  u32(value: number): void {
    let x = value >>> 0;
    while (x >= 0x80) {
      this.u8((x & 0x7f) | 0x80);
      x >>>= 7;
    }
    this.u8(x);
  }

  /** Signed LEB128 of a 32-bit integer. */
  s32(value: number): void {
    let x = value | 0;
    for (;;) {
      const byte = x & 0x7f;
      x >>= 7;
      if ((x === 0 && (byte & 0x40) === 0) || (x === -1 && (byte & 0x40) !== 0)) {
        this.u8(byte);
        return;
      }
      this.u8(byte | 0x80);
    }
  }

  /** Signed LEB128 of a 64-bit integer. */
  s64(value: bigint): void {
    let x = BigInt.asIntN(64, value);
    for (;;) {
      const byte = Number(x & 0x7fn);
      x >>= 7n;
      if ((x === 0n && (byte & 0x40) === 0) || (x === -1n && (byte & 0x40) !== 0)) {
        this.u8(byte);
        return;
      }
      this.u8(byte | 0x80);
    }
  }

  f32(x: number): void {
    scratch.setFloat32(0, x, true);
    for (let i = 0; i < 4; i++) this.u8(scratch.getUint8(i));
  }

  f64(x: number): void {
    scratch.setFloat64(0, x, true);
    for (let i = 0; i < 8; i++) this.u8(scratch.getUint8(i));
  }

  append(data: Uint8Array): void {
    this.reserve(data.length);
    this.bytes.set(data, this.length);
    this.length += data.length;
  }

  /** A length-prefixed UTF-8 string. */
  name(s: string): void {
    const data = new TextEncoder().encode(s);
    this.u32(data.length);
    this.append(data);
  }

  /** The bytes written so far (a view; valid until the next write). */
  view(): Uint8Array<ArrayBuffer> {
    return this.bytes.subarray(0, this.length);
  }
}
