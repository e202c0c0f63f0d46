import type { Processes } from '../processes.ts';
import { SAMPLE_ORDER } from '../sample-order.ts';
import { Api } from './api.ts';
import { Board } from './board.ts';
import type { Told } from './effects-table.ts';
import type { Narrator } from './narrator.ts';
import { type Effects, Sandbox } from './sandbox.ts';
import { waitUntil } from './wait-until.ts';

const NOTHING: Effects = { charge: 0, refund: 0, reserve: 0, release: 0, label: 0, void: 0, send: 0 };
const FULFILLED: Effects = { ...NOTHING, charge: 1, reserve: 1, label: 1, send: 1 };

/** The parts of a running system that the story uses. */
export interface Stage {
  readonly processes: () => Processes;
  readonly narrator: Narrator;
  readonly signal: AbortSignal;
}

/** Tells every chapter; one that breaks does not keep the next from being told. @returns the orders, for the table */
export async function tellStory(stage: Stage): Promise<readonly Told[]> {
  const teller = new StoryTeller(stage);
  const chapters = [
    () => teller.fulfilled(),
    () => teller.declined(),
    () => teller.outOfStock(),
    () => teller.killed(),
    () => teller.deadAndRedriven(),
  ];
  for (const chapter of chapters) {
    try {
      await chapter();
    } catch (error) {
      stage.signal.throwIfAborted();
      stage.narrator.broke(error);
    }
  }
  return teller.told;
}

class StoryTeller {
  readonly told: Told[] = [];
  readonly #stage: Stage;
  readonly #say: Narrator;
  readonly #api: Api;
  readonly #sandbox: Sandbox;
  readonly #board: Board;

  constructor(stage: Stage) {
    this.#stage = stage;
    this.#say = stage.narrator;
    this.#api = new Api(stage.processes(), stage.signal);
    this.#sandbox = new Sandbox(stage.processes(), stage.signal);
    this.#board = new Board(stage.processes(), stage.signal);
  }

  async fulfilled(): Promise<void> {
    this.#say.chapter('An order is fulfilled, and sent again with the same key');
    const startedAt = performance.now();
    const accepted = await this.#api.place(SAMPLE_ORDER, 'order-1001');
    this.#say.claim('accepted: 202, once it is durable', accepted.status === 202, accepted.status);
    const run = await this.#api.runIs(accepted.body.id, 'completed', 20_000);
    this.#remember('fulfilled, sent twice', run.id, 'completed', FULFILLED);
    this.#say.claim(`completed after ${secondsSince(startedAt)}`, run.status === 'completed', run);
    await this.#claimEffects('charged, reserved, shipped and mailed, each once', run.id, FULFILLED);

    const again = await this.#api.place(SAMPLE_ORDER, 'order-1001');
    const replayed = again.headers.get('idempotent-replayed');
    this.#say.claim(
      'the same key again: 200, the same run, marked as a replay',
      again.status === 200 && again.body.id === run.id && replayed === 'true',
      { status: again.status, id: again.body.id, 'idempotent-replayed': replayed },
    );
    await this.#claimEffects('still one charge', run.id, FULFILLED);
  }

  async declined(): Promise<void> {
    this.#say.chapter('The card is declined');
    const order = { ...SAMPLE_ORDER, paymentMethod: 'pm_card_chargeDeclined' };
    const { body: run } = await this.#api.place(order, 'order-1002', 20);
    this.#remember('card declined', run.id, 'failed', NOTHING);
    this.#say.claim(
      'failed: card_declined',
      run.status === 'failed' && run.error?.code === 'card_declined',
      run,
    );
    await this.#claimEffects('nothing was charged, reserved, shipped or mailed', run.id, NOTHING);
  }

  async outOfStock(): Promise<void> {
    this.#say.chapter('Out of stock, found out after the charge');
    const order = { ...SAMPLE_ORDER, items: [{ sku: 'SOLD-OUT-TEE', quantity: 1, unitAmount: 2500 }] };
    const { body: run } = await this.#api.place(order, 'order-1003', 20);
    const expected = { ...NOTHING, charge: 1, refund: 1 };
    this.#remember('out of stock', run.id, 'failed', expected);
    this.#say.claim(
      'failed: out_of_stock',
      run.status === 'failed' && run.error?.code === 'out_of_stock',
      run,
    );
    await this.#claimEffects('charged once, refunded once', run.id, expected);
  }

  async killed(): Promise<void> {
    this.#say.chapter('Both workers are killed (SIGKILL) while one of them buys the label');
    await this.#sandbox.setFault({ provider: 'shipping', operation: 'label', fault: 'slow', delayMs: 1_500 });
    const { body: accepted } = await this.#api.place(SAMPLE_ORDER, 'order-1004');
    this.#remember('workers killed', accepted.id, 'completed', FULFILLED);
    await this.#until(
      'the label to be bought',
      async () => (await this.#sandbox.effectsOf(accepted.id)).label > 0,
    );
    const killedAt = performance.now();
    const killed = this.#stage.processes().workers.map((worker) => worker.pid);
    for (const pid of killed) process.kill(pid, 'SIGKILL');
    const inTheMiddle = await this.#api.run(accepted.id);
    this.#say.note(
      `killed ${killed.join(' and ')}: the label was bought, and its reply was lost with the worker`,
    );
    this.#say.claim('the order was in the middle of shipping', inTheMiddle.status === 'running', inTheMiddle);

    const run = await this.#api.runIs(accepted.id, 'completed', 30_000);
    const after = secondsSince(killedAt);
    const now = this.#stage.processes().workers.map((worker) => worker.pid);
    this.#say.claim(
      `completed by a worker started since, ${after} after the kill`,
      run.status === 'completed' && now.some((pid) => !killed.includes(pid)),
      { status: run.status, killed, now },
    );
    await this.#claimEffects('one charge, one label', accepted.id, FULFILLED);
  }

  async deadAndRedriven(): Promise<void> {
    this.#say.chapter('Shipping is down until the order is dead; then it is back, and a person retries');
    const down = { provider: 'shipping', operation: 'label', fault: 'error', status: 503, times: 1_000 };
    await this.#sandbox.setFault(down);
    const { body: accepted } = await this.#api.place(SAMPLE_ORDER, 'order-1005');
    const dead = await this.#api.runIs(accepted.id, 'dead', 30_000);
    this.#remember('dead, redriven', accepted.id, 'completed', FULFILLED);
    const shipped = dead.steps.find((step) => step.name === 'ship');
    this.#say.claim(
      `dead after ${shipped?.attempts} attempts: ${dead.error?.message}`,
      dead.error?.step === 'ship' && (shipped?.attempts ?? 0) > 1,
      dead,
    );
    const sofar = { ...NOTHING, charge: 1, reserve: 1 };
    await this.#claimEffects(
      'charge and reservation stay: nothing is undone before a person decides',
      dead.id,
      sofar,
    );
    const letter = await waitUntil(() => this.#board.failedLetter(dead.id), {
      what: 'its letter to stand in dead-letters',
      timeoutMs: 10_000,
      signal: this.#stage.signal,
    });
    this.#say.claim(`stands in dead-letters: ${letter.failedReason}`, letter.failedReason !== '', letter);

    await this.#sandbox.clearFaults();
    await this.#board.retry(letter.id);
    this.#say.note("shipping is back; Bull Board's Retry is pressed");
    const redrivenAt = performance.now();
    const run = await this.#api.runIs(dead.id, 'completed', 20_000);
    this.#say.claim(`completed ${secondsSince(redrivenAt)} later`, run.status === 'completed', run);
    await this.#claimEffects('one charge, one reservation, one label, one mail', dead.id, FULFILLED);
  }

  #remember(order: string, runId: string, status: string, expected: Effects): void {
    this.told.push({ order, runId, status, expected });
  }

  async #claimEffects(text: string, runId: string, expected: Effects): Promise<void> {
    const effects = await this.#sandbox.effectsOf(runId);
    this.#say.claim(text, sameEffects(effects, expected), effects);
  }

  async #until(what: string, fact: () => Promise<boolean>): Promise<void> {
    const ask = async () => (await fact()) || undefined;
    await waitUntil(ask, { what, timeoutMs: 20_000, signal: this.#stage.signal });
  }
}

export function sameEffects(a: Effects, b: Effects): boolean {
  return Object.entries(a).every(([name, count]) => b[name as keyof Effects] === count);
}

function secondsSince(startedAt: number): string {
  return `${((performance.now() - startedAt) / 1000).toFixed(1)} s`;
}
