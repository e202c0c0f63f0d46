import { createHash } from 'node:crypto';

/** Random values that follow from their seed and from how many were drawn before, so that a replay draws the same. */
export class Draws {
  readonly #seed: string;
  #drawn = 0;

  constructor(seed: string) {
    this.#seed = seed;
  }

  /** From 0 to 1, without 1. */
  random(): number {
    return this.#bytes().readUIntBE(0, 6) / 2 ** 48;
  }

  /** Version 4. */
  uuid(): string {
    const bytes = this.#bytes().subarray(0, 16);
    bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x40, 6);
    bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
    return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
  }

  #bytes(): Buffer {
    this.#drawn += 1;
    return createHash('sha256').update(`${this.#seed}:${this.#drawn}`).digest();
  }
}
