import { defineFlow, type Flow, type FlowContext, RejectedError } from '@holdfast/engine';
import { type Providers, pick, type Random } from '@holdfast/testkit';
import { z } from 'zod';
import { down, full, no, unclear } from './scenarios.ts';

/** A flow drawn at random, as data: what it does, and so what it comes to, is known beforehand. */
export type Plan =
  | {
      readonly kind: 'step';
      readonly name: string;
      readonly value: number;
      readonly helps: 'keys' | 'look_up';
      /** How the provider refuses the first calls. */
      readonly troubles: readonly ('down' | 'full' | 'unclear')[];
    }
  | { readonly kind: 'sleep'; readonly ms: number }
  | { readonly kind: 'after_each_other' | 'side_by_side'; readonly plans: readonly Plan[] }
  /** Ends with a refusal that the flow takes. */
  | { readonly kind: 'optional'; readonly name: string; readonly plans: readonly Plan[] }
  | { readonly kind: 'child'; readonly name: string; readonly plan: Plan };

export interface RandomFlowInput {
  readonly plan: Plan;
  /** The last step is refused, so that all is undone. */
  readonly fails: boolean;
}

export function drawInput(random: Random): RandomFlowInput {
  const fails = random() < 0.25;
  let names = 0;
  const plans = (depth: number, most: number) =>
    Array.from({ length: 1 + Math.floor(random() * most) }, () => draw(depth));
  const draw = (depth: number): Plan => {
    const kinds = [
      'step',
      'step',
      'step',
      'sleep',
      'after_each_other',
      'side_by_side',
      'optional',
      'child',
    ] as const;
    const kind = depth === 0 ? 'step' : pick(random, kinds);
    names += 1;
    const name = `n${names}`;
    switch (kind) {
      case 'step': {
        const helps = pick(random, ['keys', 'look_up'] as const);
        const troubles = random() < 0.3 ? plansOfTrouble(random) : [];
        return { kind, name, value: 1 + Math.floor(random() * 100), helps, troubles };
      }
      case 'sleep':
        return { kind, ms: 1 + Math.floor(random() * 5) };
      case 'after_each_other':
      case 'side_by_side':
        return { kind, plans: plans(depth - 1, 3) };
      case 'optional':
        return { kind, name, plans: plans(depth - 1, 2) };
      case 'child':
        // what a child did is its own: its parent's failure does not undo it
        return fails
          ? { kind: 'after_each_other', plans: plans(depth - 1, 2) }
          : { kind, name, plan: draw(depth - 1) };
    }
  };
  return { plan: { kind: 'after_each_other', plans: plans(2, 4) }, fails };
}

function plansOfTrouble(random: Random): ('down' | 'full' | 'unclear')[] {
  return Array.from({ length: 1 + Math.floor(random() * 2) }, () =>
    pick(random, ['down', 'full', 'unclear'] as const),
  );
}

/** What a plan comes to when all goes as it must. */
export function totalOf(plan: Plan): number {
  switch (plan.kind) {
    case 'step':
      return plan.value;
    case 'sleep':
      return 0;
    case 'after_each_other':
    case 'side_by_side':
    case 'optional':
      return plan.plans.reduce((sum, each) => sum + totalOf(each), 0);
    case 'child':
      return totalOf(plan.plan);
  }
}

const errors = { down, full, unclear };

/** The one flow that carries out every plan; its output is the total of what its steps answered. */
export function randomFlow(p: Providers): Flow<RandomFlowInput> {
  const carryOut = async (ctx: FlowContext, plan: Plan): Promise<number> => {
    switch (plan.kind) {
      case 'step': {
        const { name, value: answer, helps, troubles } = plan;
        const refuses = (nth: number) =>
          troubles[nth - 1] ? errors[troubles[nth - 1] ?? 'down'] : undefined;
        const retry = { first: '50ms' } as const;
        return ctx.step(name, p.stepWith(name, answer, { helps, refuses, retry }));
      }
      case 'sleep':
        await ctx.sleep(plan.ms);
        return 0;
      case 'side_by_side':
        return sum(await Promise.all(plan.plans.map((each) => carryOut(ctx, each))));
      case 'after_each_other':
        return oneByOne(ctx, plan.plans);
      case 'optional': {
        const total = await oneByOne(ctx, plan.plans);
        const refused = await ctx
          .step(plan.name, p.stepWith(plan.name, 0, { refuses: () => no }))
          .catch(taken);
        return total + refused;
      }
      case 'child':
        return ctx.runChild<RandomFlowInput, number>(plan.name, {
          flow: self,
          input: { plan: plan.plan, fails: false },
        });
    }
  };
  const oneByOne = async (ctx: FlowContext, plans: readonly Plan[]) => {
    let total = 0;
    for (const each of plans) total += await carryOut(ctx, each);
    return total;
  };
  const self: Flow<RandomFlowInput> = defineFlow({
    name: 'random',
    version: 1,
    input: z.custom<RandomFlowInput>(),
    output: z.unknown(),
    async run(ctx, { plan, fails }) {
      const total = await carryOut(ctx, plan);
      if (fails) await ctx.step('last', p.step('last', { refuses: () => no }));
      return total;
    },
  });
  return self;
}

function taken(error: unknown): number {
  if (error instanceof RejectedError) return 0;
  throw error;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}
