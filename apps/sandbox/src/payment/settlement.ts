import type { Logger } from '@holdfast/app-kit';
import type { NewEffect } from '../ledger.ts';
import { Timers } from '../timers.ts';
import { chargeEffect, refundEffect } from './effects.ts';
import { newId, unixSeconds } from './ids.ts';
import { intentObject, refundObject } from './objects.ts';
import type { Intent, IntentIn, Notice, PaymentChange, Refund } from './records.ts';
import { sendNotice, type WebhookTarget } from './webhook.ts';

export interface SettlementOptions {
  /** Where to say what came of a payment or refund later. Default: nowhere. */
  readonly webhook?: WebhookTarget | undefined;
  readonly log?: Logger | undefined;
}

const FIRST_RETRY_MS = 1000;
const LONGEST_RETRY_MS = 60_000;
/** What was taken is sent once more, as happens with Stripe: so long after, when its receiver has gone on. */
const SENT_AGAIN_AFTER_MS = 1_000;

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

  /** The same of a refund. */
  followRefund(refund: Refund, runId: string | undefined): void {
    this.#timers.clear(refund.id);
    const { settles } = refund;
    if (refund.status !== 'pending' || !settles) return;
    this.#timers.set(refund.id, Math.max(0, settles.atMs - Date.now()), () => {
      this.#persist(refund.id, () => this.settleRefund(refund, settles, runId));
    });
  }

  /** Money was taken, after all. */
  succeed(intent: IntentIn<'succeeded'>, idempotencyKey: string | null): void {
    const notice = this.#notice('payment_intent.succeeded', intentObject(intent, 0));
    this.#commit({ type: 'settled', intent, notice }, chargeEffect(intent, idempotencyKey));
  }

  /** No money was taken, after all. */
  fail(intent: IntentIn<'requires_payment_method'>): void {
    const notice = this.#notice('payment_intent.payment_failed', intentObject(intent, 0));
    this.#commit({ type: 'settled', intent, notice });
  }

  settleRefund(
    { settles: _, ...refund }: Refund,
    { to, idempotencyKey }: NonNullable<Refund['settles']>,
    runId: string | undefined,
  ): void {
    const settled: Refund = { ...refund, status: to };
    const type = to === 'failed' ? 'refund.failed' : 'refund.updated';
    const notice = this.#notice(type, refundObject(settled));
    const effect = to === 'succeeded' ? refundEffect(settled, runId, idempotencyKey) : undefined;
    this.#commit({ type: 'settled', refund: settled, notice }, effect);
  }

  #settle(processing: IntentIn<'processing'>): void {
    const { settlesAtMs: _, idempotencyKey, decline, paymentMethod, chargeId, ...rest } = processing;
    this.#persist(processing.id, () => {
      if (decline) this.fail({ ...rest, status: 'requires_payment_method', failure: { chargeId, decline } });
      else this.succeed({ ...rest, status: 'succeeded', paymentMethod, chargeId }, idempotencyKey);
    });
  }

  #notice(type: string, object: unknown): Notice | undefined {
    if (!this.#options.webhook) return undefined;
    return { id: newId('evt'), type, created: unixSeconds(), object };
  }

  #persist(name: string, settle: () => void): void {
    try {
      settle();
    } catch (error) {
      this.#options.log?.error({ err: error, of: name }, 'could not settle, trying again');
      this.#timers.set(name, FIRST_RETRY_MS, () => this.#persist(name, settle));
    }
  }

  #deliverAfter(delayMs: number, notice: Notice, attempt: number): void {
    const { webhook } = this.#options;
    if (!webhook) return;
    const { signal } = this.#deliveries;
    this.#timers.set(notice.id, delayMs, async () => {
      try {
        await sendNotice(webhook, notice, signal);
        if (signal.aborted) return;
        this.#commit({ type: 'notified', noticeId: notice.id });
        this.#timers.set(`${notice.id} again`, SENT_AGAIN_AFTER_MS, () => {
          sendNotice(webhook, notice, signal).catch((error: unknown) =>
            this.#options.log?.debug(
              { err: error, event: notice.id },
              'the webhook was not taken a second time',
            ),
          );
        });
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
