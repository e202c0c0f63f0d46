import type { Logger } from '@holdfast/app-kit';
import type { NewEffect } from '../ledger.ts';
import { Timers } from '../timers.ts';
import { chargeEffect } from './effects.ts';
import { newId, unixSeconds } from './ids.ts';
import { intentObject } from './objects.ts';
import type { Intent, IntentIn, Notice, PaymentChange } from './records.ts';
import { sendNotice, type WebhookTarget } from './webhook.ts';

export interface SettlementOptions {
  /** Where to tell that a payment succeeded later. Default: nobody is told. */
  readonly webhook?: WebhookTarget | undefined;
  readonly log?: Logger | undefined;
}

const FIRST_RETRY_MS = 1000;
const LONGEST_RETRY_MS = 60_000;

/** What happens to a payment after its request was answered: it settles, and its owner is told until it has been heard. */
export class Settlement {
  readonly #timers = new Timers();
  readonly #options: SettlementOptions;
  readonly #commit: (change: PaymentChange, effect?: NewEffect) => void;
  #deliveries = new AbortController();

  constructor(options: SettlementOptions, commit: (change: PaymentChange, effect?: NewEffect) => void) {
    this.#options = options;
    this.#commit = commit;
  }

  /** Takes note of an intent's state; one that is processing will be settled when its time has come. */
  follow(intent: Intent): void {
    this.#timers.clear(intent.id);
    if (intent.status !== 'processing') return;
    this.#timers.set(intent.id, Math.max(0, intent.settlesAtMs - Date.now()), () => this.#settle(intent));
  }

  notify(notice: Notice): void {
    this.#deliverAfter(0, notice, 1);
  }

  notified(noticeId: string): void {
    this.#timers.clear(noticeId);
  }

  forget(): void {
    this.#timers.clearAll();
    this.#deliveries.abort();
    this.#deliveries = new AbortController();
  }

  #settle(processing: IntentIn<'processing'>): void {
    const { settlesAtMs: _, idempotencyKey, ...rest } = processing;
    const intent: IntentIn<'succeeded'> = { ...rest, status: 'succeeded' };
    const notice = this.#options.webhook && {
      id: newId('evt'),
      type: 'payment_intent.succeeded',
      created: unixSeconds(),
      object: intentObject(intent, 0),
    };
    try {
      this.#commit({ type: 'settled', intent, notice }, chargeEffect(intent, idempotencyKey));
    } catch (error) {
      this.#options.log?.error({ err: error, intent: intent.id }, 'could not settle a payment, trying again');
      this.#timers.set(intent.id, FIRST_RETRY_MS, () => this.#settle(processing));
    }
  }

  #deliverAfter(delayMs: number, notice: Notice, attempt: number): void {
    const { webhook } = this.#options;
    if (!webhook) return;
    const { signal } = this.#deliveries;
    this.#timers.set(notice.id, delayMs, async () => {
      try {
        await sendNotice(webhook, notice, signal);
        if (!signal.aborted) this.#commit({ type: 'notified', noticeId: notice.id });
      } catch (error) {
        if (signal.aborted) return;
        const retryMs = Math.min(FIRST_RETRY_MS * 2 ** (attempt - 1), LONGEST_RETRY_MS);
        this.#options.log?.warn(
          { err: error, attempt, retryMs, event: notice.id },
          'the webhook was not taken, trying again',
        );
        this.#deliverAfter(retryMs, notice, attempt + 1);
      }
    });
  }
}
