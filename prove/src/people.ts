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
      if (!over.aborted) await this.#act(clients, random).catch(() => {}); // the API may be away
    }
  }

  async #act(clients: Clients, random: Random): Promise<void> {
    const whim = random();
    const told = [...this.#shop.runs.values()];
    if (whim < 0.2) {
      const [run, another] = await this.#shop.deadLetters();
      if (run && another && random() < 0.2) await this.cancelLetter(run);
      else if (run) await this.redrive(run);
    } else if (whim < 0.35) {
      const run = await this.#look(
        random,
        told.filter(({ status }) => status === 'failed'),
      );
      if (run?.status === 'failed') await this.#shop.act('rerun', run, `runs/${run.id}/rerun`);
    } else if (whim < 0.55) {
      const paid = told.filter(({ flow, status }) => flow !== 'refund' && status === 'completed');
      const run = await this.#look(random, paid);
      if (run) await this.#refund(run, clients, random);
    } else {
      const run = await this.#look(
        random,
        told.slice(-LATEST).filter(({ flow }) => flow !== 'refund'),
      );
      if (!run || isOver(run.status)) return;
      if (run.waitingFor?.kind === 'signal' && random() < 0.5) await this.signal(run);
      else if (whim < 0.75) await this.#shop.act('cancel', run, `runs/${run.id}/cancel`);
    }
  }

  /** One of the runs, as it stands now. */
  async #look(random: Random, told: readonly RunRecord[]): Promise<RunRecord | undefined> {
    return told.length === 0 ? undefined : this.#shop.run(pick(random, told).id);
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
