import {
  closeSync,
  fdatasyncSync,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { OperatorError } from '@holdfast/app-kit';
import { z } from 'zod';

export const PROVIDERS = ['payment', 'inventory', 'shipping', 'email'] as const;
export type Provider = (typeof PROVIDERS)[number];

type Fact = string | number | readonly string[] | null;

/** Something that really happened: money moved, stock was held, a label bought, a mail delivered. */
export interface Effect {
  /** From 1, without gaps. */
  readonly seq: number;
  readonly provider: Provider;
  readonly operation: string;
  /** What ties the effect to whoever asked for it; contains the run id. */
  readonly reference: string;
  /** The key the request carried, if any. */
  readonly idempotencyKey: string | null;
  /** ISO 8601. */
  readonly at: string;
  readonly [fact: string]: Fact;
}

/** An effect as its provider reports it; the ledger adds number, provider and time. */
export interface NewEffect {
  readonly operation: string;
  readonly reference: string;
  readonly idempotencyKey: string | null;
  readonly [fact: string]: Fact;
}

/** A provider's memory, made of its changes alone: what is applied again in order gives the same state again. */
export interface Memory<C> {
  readonly provider: Provider;
  readonly change: z.ZodType<C>;
  apply(change: C): void;
  forget(): void;
}

/** On disk before it is applied, and before `commit` returns: a change and the effect it had, in one line, so never one alone. */
export interface Recorder<C> {
  commit(change: C, effect?: NewEffect): void;
}

const Line = z.object({
  provider: z.enum(PROVIDERS),
  change: z.unknown(),
  effect: z
    .object({
      seq: z.int(),
      provider: z.enum(PROVIDERS),
      operation: z.string(),
      reference: z.string(),
      idempotencyKey: z.string().nullable(),
      at: z.string(),
    })
    .catchall(z.union([z.string(), z.number(), z.array(z.string()), z.null()]))
    .optional(),
});

const NEWLINE = 0x0a;

/**
 * The append-only file that everything the sandbox knows is in, one JSON object a line. A line that a crash cut off was never
 * answered for, and is dropped when the file is opened again.
 */
export class Ledger {
  readonly #path: string;
  readonly #fd: number;
  readonly #memories: { forget(): void }[] = [];
  #unclaimed: { readonly provider: Provider; readonly change: unknown; readonly lineNumber: number }[] = [];
  #effects: Effect[] = [];
  #length: number;

  /** @throws OperatorError when the file holds something else than ledger lines. */
  constructor(dataDir: string) {
    mkdirSync(dataDir, { recursive: true });
    this.#path = join(dataDir, 'ledger.jsonl');
    this.#fd = openSync(this.#path, 'a+');
    this.#length = this.#load();
  }

  /** Gives a provider its changes back, and a way to record more. Each provider attaches once. */
  attach<C>(memory: Memory<C>): Recorder<C> {
    for (const { provider, change, lineNumber } of this.#unclaimed) {
      if (provider !== memory.provider) continue;
      const parsed = memory.change.safeParse(change);
      if (!parsed.success) throw this.#damaged(lineNumber, z.prettifyError(parsed.error));
      memory.apply(parsed.data);
    }
    this.#unclaimed = this.#unclaimed.filter(({ provider }) => provider !== memory.provider);
    this.#memories.push(memory);
    return {
      commit: (change, effect) => {
        const entry = effect && this.#numbered(memory.provider, effect);
        this.#append({ provider: memory.provider, change, effect: entry });
        if (entry) this.#effects.push(entry);
        memory.apply(change);
      },
    };
  }

  /** @param filter keeps the effects whose reference contains the text, or whose reference or run does */
  effects(filter: { readonly reference?: string | undefined; readonly run?: string | undefined } = {}) {
    const { reference = '', run = '' } = filter;
    return this.#effects.filter(
      (effect) =>
        effect.reference.includes(reference) &&
        (effect.reference.includes(run) || (typeof effect.run === 'string' && effect.run.includes(run))),
    );
  }

  /** Empties the file, the list and every provider's memory; numbers start from 1 again. */
  clear(): void {
    ftruncateSync(this.#fd, 0);
    this.#length = 0;
    this.#effects = [];
    for (const memory of this.#memories) memory.forget();
  }

  /** @throws when the file is gone or closed. */
  check(): void {
    fstatSync(this.#fd);
  }

  close(): void {
    closeSync(this.#fd);
  }

  #numbered(provider: Provider, effect: NewEffect): Effect {
    const { operation, reference, idempotencyKey, ...facts } = effect;
    const seq = this.#effects.length + 1;
    return { seq, provider, operation, reference, idempotencyKey, at: new Date().toISOString(), ...facts };
  }

  /** A line that could not be written whole is taken back, so that the next one does not join it. */
  #append(line: object): void {
    const bytes = Buffer.from(`${JSON.stringify(line)}\n`);
    try {
      for (let written = 0; written < bytes.length; ) written += writeSync(this.#fd, bytes, written);
      fdatasyncSync(this.#fd);
    } catch (error) {
      ftruncateSync(this.#fd, this.#length);
      throw error;
    }
    this.#length += bytes.length;
  }

  #load(): number {
    const bytes = readFileSync(this.#fd);
    const length = bytes.lastIndexOf(NEWLINE) + 1;
    if (length < bytes.length) ftruncateSync(this.#fd, length);
    const lines = bytes.toString('utf8', 0, length).split('\n').slice(0, -1);
    for (const [index, text] of lines.entries()) {
      const lineNumber = index + 1;
      const { provider, change, effect } = this.#parse(text, lineNumber);
      this.#unclaimed.push({ provider, change, lineNumber });
      if (effect) this.#effects.push(effect);
    }
    return length;
  }

  #parse(text: string, lineNumber: number): z.infer<typeof Line> {
    try {
      return Line.parse(JSON.parse(text));
    } catch (error) {
      throw this.#damaged(lineNumber, error instanceof Error ? error.message : String(error));
    }
  }

  #damaged(lineNumber: number, reason: string): OperatorError {
    return new OperatorError(
      `${this.#path}, line ${lineNumber}: not a line of the sandbox's ledger (${reason}).\nMove the file away to start with an empty ledger.`,
    );
  }
}
