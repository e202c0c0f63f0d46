/** A fault that took hold. */
export interface Landing {
  /** Such as `API killed`; each kind has a row in the report. */
  readonly kind: string;
  /** Unix milliseconds. */
  readonly at: number;
}

/** Writes down which faults took hold, and which were planned to. */
export class Landings {
  readonly all: Landing[] = [];
  readonly planned = new Set<string>();

  landed(kind: string, at = Date.now()): void {
    this.all.push({ kind, at });
  }

  /** Kinds that have not taken hold yet. */
  get missing(): string[] {
    return [...this.planned].filter((kind) => !this.all.some((landing) => landing.kind === kind));
  }
}
