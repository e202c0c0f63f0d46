import { z } from 'zod';

/** Unix milliseconds, from ISO 8601. */
const time = z.iso.datetime().transform((text) => Date.parse(text));

const StepRecord = z.object({
  name: z.string(),
  status: z.enum(['running', 'waiting', 'completed', 'failed', 'in_doubt', 'compensated']),
  attempts: z.int(),
  startedAt: time,
  finishedAt: time.optional(),
});

/** A run as the API tells it. */
export const RunRecord = z.object({
  id: z.string(),
  flow: z.string(),
  generation: z.int(),
  status: z.enum([
    'pending',
    'running',
    'suspended',
    'compensating',
    'completed',
    'failed',
    'cancelled',
    'dead',
  ]),
  idempotencyKey: z.string(),
  output: z.record(z.string(), z.union([z.string(), z.number()])).optional(),
  error: z
    .object({ code: z.string(), message: z.string(), step: z.string().optional(), kind: z.string() })
    .optional(),
  waitingFor: z.object({ kind: z.string() }).optional(),
  /** Optional steps that came to nothing, or of which nobody knows. */
  warnings: z.array(z.object({ step: z.string(), kind: z.string() })).default([]),
  steps: z.array(StepRecord),
  createdAt: time,
  updatedAt: time,
  finishedAt: time.optional(),
});
export type RunRecord = z.infer<typeof RunRecord>;

/** How far a run was at some moment. */
export interface Standing {
  readonly generation: number;
  readonly status: RunRecord['status'];
  readonly steps: readonly {
    readonly name: string;
    readonly status: RunRecord['steps'][number]['status'];
    readonly attempts: number;
    readonly startedAt: number;
    readonly finishedAt?: number | undefined;
  }[];
}

/** Something that really happened, as the sandbox's ledger tells it. */
export const Effect = z.object({
  seq: z.int(),
  provider: z.string(),
  operation: z.string(),
  reference: z.string(),
  idempotencyKey: z.string().nullable(),
  at: time,
  id: z.string().optional(),
  amount: z.int().optional(),
  trackingNumber: z.string().optional(),
  messageId: z.string().optional(),
  /** What a refund pays back from. */
  paymentIntent: z.string().optional(),
});
export type Effect = z.infer<typeof Effect>;

/** A step, with the effect that it has and the one that undoes it. */
export interface StepShape {
  readonly name: string;
  readonly effect: string;
  readonly undo: string | undefined;
}

const CHARGE: StepShape = { name: 'charge', effect: 'charge', undo: 'refund' };

/** The order flow's steps that have effects, in order. */
export const STEPS: readonly StepShape[] = [
  CHARGE,
  { name: 'reserve', effect: 'reserve', undo: 'release' },
  { name: 'ship', effect: 'label', undo: 'void' },
  { name: 'email', effect: 'send', undo: undefined },
];

/** The same of the refund flow: what a person pays back, which nothing undoes. */
export const REFUND_STEPS: readonly StepShape[] = [{ name: 'refund', effect: 'refund', undo: undefined }];

/** The same of any flow. */
export function stepsOf({ flow }: Pick<RunRecord, 'flow'>): readonly StepShape[] {
  if (flow === 'payment') return [CHARGE];
  return flow === 'refund' ? REFUND_STEPS : STEPS;
}

/** Every reference, key and id that stands for a run's effect contains the run's id. */
export function runIdIn(text: string): string | undefined {
  return /run_[0-9a-f]{32}/.exec(text)?.[0];
}

/** The generation that had the effect; undefined where nothing about the effect says so. */
export function generationOf({ idempotencyKey, reference }: Effect): number | undefined {
  const stated = /run_[0-9a-f]{32}[:.](\d+)[:.]/.exec(`${idempotencyKey ?? ''} ${reference}`)?.[1];
  return stated === undefined ? undefined : Number(stated);
}

export function isOver(status: RunRecord['status']): boolean {
  return status === 'completed' || status === 'failed' || status === 'cancelled';
}
