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
  output: z.record(z.string(), z.string()).optional(),
  error: z
    .object({ code: z.string(), message: z.string(), step: z.string().optional(), kind: z.string() })
    .optional(),
  /** Optional steps that came to nothing, or of which nobody knows. */
  warnings: z.array(z.object({ step: z.string(), kind: z.string() })).default([]),
  steps: z.array(StepRecord),
  createdAt: time,
  updatedAt: time,
});
export type RunRecord = z.infer<typeof RunRecord>;

/** How far a run was at some moment. */
export interface Standing {
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
});
export type Effect = z.infer<typeof Effect>;

/** The order flow's steps, in order, with the effects they have and those that undo them. */
export const STEPS = [
  { name: 'charge', effect: 'charge', undo: 'refund' },
  { name: 'reserve', effect: 'reserve', undo: 'release' },
  { name: 'ship', effect: 'label', undo: 'void' },
  { name: 'email', effect: 'send', undo: undefined },
] as const;

/** Every reference, key and id that stands for a run's effect contains the run's id. */
export function runIdIn(text: string): string | undefined {
  return /run_[0-9a-f]{32}/.exec(text)?.[0];
}

export function isOver(status: RunRecord['status']): boolean {
  return status === 'completed' || status === 'failed' || status === 'cancelled';
}
