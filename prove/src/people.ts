import { setTimeout as delay } from 'node:timers/promises';
import { pick, type Random } from '@holdfast/testkit';
import type { Clients } from './load/clients.ts';
import { generationOf, isOver, type RunRecord, stepsOf } from './outside/records.ts';
import type { Sandbox } from './outside/sandbox.ts';
import type { Act, Shop } from './outside/shop.ts';

const EVERY_MS = 120;
/** How many of the latest runs people look at. */
const LATEST = 40;

type View = Pick<RunRecord, 'id' | 'generation'>;

/** Those who look at runs and do something about them. */
export class People {
  readonly #shop: Shop;
  readonly #sandbox: Sandbox;
  #signals = 0;
  #refunds = 0;

  constructor(shop: Shop, sandbox: Sandbox) {
    this.#shop = shop;
    this.#sandbox = sandbox;
  }

  /** Does something about some run again and again, until told to stop. */
  async meddle(clients: Clients, random: Random, over: AbortSignal): Promise<void> {
    while (!over.aborted) {
      await delay(EVERY_MS, undefined, { signal: over }).catch(() => {});
      const latest = [...this.#shop.runs.values()].slice(-LATEST);
      if (over.aborted || latest.length === 0) continue;
      const { id } = pick(random, latest);
      const whim = random();
      const run = await this.#shop.run(id).catch(() => undefined); // the API may be away
      if (run) await this.#act(run, whim, clients, random);
    }
  }

  async #act(run: RunRecord, whim: number, clients: Clients, random: Random): Promise<void> {
    if (run.status === 'dead') {
      if (whim < 0.2) await this.cancelLetter(run);
      else await this.redrive(run);
    } else if (run.status === 'completed' && run.flow !== 'refund') {
      if (whim < 0.4) await this.#refund(run, clients, random);
    } else if (run.status === 'failed' || run.status === 'cancelled') {
      if (whim < 0.3) await this.#shop.act('rerun', run, `runs/${run.id}/rerun`);
    } else if (!isOver(run.status) && run.flow !== 'refund') {
      if (whim < 0.5) await this.#shop.act('cancel', run, `runs/${run.id}/cancel`);
      else if (run.waitingFor?.kind === 'signal') await this.signal(run);
    }
  }

  async #refund(run: RunRecord, clients: Clients, random: Random): Promise<void> {
    this.#refunds += 1;
    const amount = 1 + Math.floor(random() * 900);
    await clients.send({
      path: `/v1/${run.flow}s/${run.id}/refunds`,
      body: { amount, reason: 'requested_by_customer' },
      amount,
      key: `refund-${this.#refunds}`,
    });
  }

  /** What people have not done yet, with success. */
  get missing(): string[] {
    const kinds = ['cancel', 'redrive', 'rerun'] as const;
    const done = (kind: Act['kind']) =>
      this.#shop.acts.some((act) => act.kind === kind && act.status === 202);
    const refunded = [...this.#shop.runs.values()].some(({ flow }) => flow === 'refund');
    return [...kinds.filter((kind) => !done(kind)), ...(refunded ? [] : ['refund'])];
  }

  /** Tells a run to look whether its payment has settled. */
  signal(run: View): Promise<Act> {
    this.#signals += 1;
    return this.#shop.act('signal', run, `runs/${run.id}/signals/payment.settled`, {
      id: `signal-${this.#signals}`,
    });
  }

  redrive(run: View): Promise<Act> {
    return this.#shop.act('redrive', run, `dead-letters/${run.id}/redrive`);
  }

  cancelLetter(run: View): Promise<Act> {
    return this.#shop.act('cancel', run, `dead-letters/${run.id}/cancel`);
  }

  /** Says what became of a dead run's step in doubt, by the providers' ledger. @returns undefined when none is in doubt */
  async answer(run: RunRecord): Promise<Act | undefined> {
    const step = run.steps.find(({ status }) => status === 'in_doubt');
    const shape = stepsOf(run).find(({ name }) => name === step?.name);
    if (!step || !shape) return undefined;
    const effects = (await this.#sandbox.effectsOf(run.id)).filter(
      (effect) => (generationOf(effect) ?? run.generation) === run.generation,
    );
    const effect = effects.find(({ operation }) => operation === shape.effect);
    const result = effect && {
      chargeId: effect.id,
      refundId: effect.id,
      labelId: effect.id,
      reservationId: effect.reference,
      trackingNumber: effect.trackingNumber,
      messageId: effect.messageId,
    };
    return this.#shop.act('resolve', run, `dead-letters/${run.id}/resolve`, {
      step: step.name,
      ...(result ? { outcome: 'happened', result } : { outcome: 'did_not_happen' }),
    });
  }
}
