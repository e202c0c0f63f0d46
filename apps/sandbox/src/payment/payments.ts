import type { Ledger, NewEffect, Recorder } from '../ledger.ts';
import type { Answer } from '../serve.ts';
import { refusedAmount } from './amounts.ts';
import { chargeEffect, refundEffect } from './effects.ts';
import { refuse, stripeError } from './errors.ts';
import { newId, unixSeconds } from './ids.ts';
import { listPage, noSuch } from './lists.ts';
import { declineFacts, intentObject, refundObject } from './objects.ts';
import {
  type ConfirmIntent,
  type CreateIntent,
  type CreateRefund,
  type ListIntents,
  type ListRefunds,
  shownParameters,
} from './parameters.ts';
import {
  type Decline,
  type Intent,
  type IntentIn,
  PaymentChange,
  type Playback,
  type Refund,
} from './records.ts';
import { Settlement, type SettlementOptions } from './settlement.ts';
import { cardOutcome } from './test-cards.ts';

/** What a request comes to: its answer, and what it changes if anything. */
export interface Decision {
  readonly answer: Answer;
  readonly intent?: Intent;
  readonly refund?: Refund;
  readonly effect?: NewEffect;
}

/** Intents, refunds and the answers kept under Idempotency-Keys. One account, whatever the key it is called with. */
export class Payments {
  readonly #intents = new Map<string, Intent>();
  readonly #refunds = new Map<string, Refund>();
  /** Minor units paid back so far, by intent. */
  readonly #refunded = new Map<string, number>();
  readonly #playbacks = new Map<string, Playback>();
  readonly #settlement: Settlement;
  readonly #recorder: Recorder<PaymentChange>;
  readonly #settleMs: number;

  constructor(ledger: Ledger, options: SettlementOptions & { readonly settleMs: number }) {
    this.#settleMs = options.settleMs;
    this.#settlement = new Settlement(options, (change, effect) => this.#recorder.commit(change, effect));
    this.#recorder = ledger.attach<PaymentChange>({
      provider: 'payment',
      change: PaymentChange,
      apply: (change) => this.#apply(change),
      forget: () => {
        for (const memory of [this.#intents, this.#refunds, this.#refunded, this.#playbacks]) memory.clear();
        this.#settlement.forget();
      },
    });
  }

  playback(key: string): Playback | undefined {
    return this.#playbacks.get(key);
  }

  /** Records a decision together with its playback, in one line of the ledger. */
  record(decision: Decision, playback: Playback | undefined): void {
    const { intent, refund, effect } = decision;
    if (intent || refund || playback)
      this.#recorder.commit({ type: 'answered', intent, refund, playback }, effect);
  }

  /** @param key of the request, and the address that it came to */
  create(parameters: CreateIntent, key: string | null, origin: string): Decision {
    const refused = refusedAmount(parameters.amount, parameters.currency);
    if (refused) return { answer: refused };
    const common = {
      id: newId('pi'),
      amount: parameters.amount,
      currency: parameters.currency,
      created: unixSeconds(),
      description: parameters.description ?? null,
      metadata: parameters.metadata,
      shown: shownParameters(parameters),
    };
    const { payment_method: paymentMethod, expand } = parameters;
    const intent: Intent = paymentMethod
      ? { ...common, status: 'requires_confirmation', paymentMethod }
      : { ...common, status: 'requires_payment_method' };
    if (parameters.confirm) {
      const at = { key, origin, returnUrl: parameters.return_url };
      return this.#charge(intent, paymentMethod, at, expand);
    }
    return { answer: { status: 200, body: this.#shown(intent, expand) }, intent };
  }

  confirm(id: string, parameters: ConfirmIntent, key: string | null, origin: string): Decision {
    const { payment_method, expand, return_url: returnUrl } = parameters;
    const intent = this.#known(id);
    if (intent.status !== 'requires_payment_method' && intent.status !== 'requires_confirmation') {
      const message = `You cannot confirm this PaymentIntent because ${CANNOT_CONFIRM[intent.status]}.`;
      return { answer: this.#unexpectedState(intent, message) };
    }
    const paymentMethod =
      payment_method ?? (intent.status === 'requires_confirmation' ? intent.paymentMethod : undefined);
    return this.#charge(intent, paymentMethod, { key, origin, returnUrl }, expand);
  }

  cancel(id: string): Decision {
    const intent = this.#known(id);
    if (intent.status === 'succeeded' || intent.status === 'processing' || intent.status === 'canceled') {
      const message = `You cannot cancel this PaymentIntent because it has a status of ${intent.status}.`;
      return { answer: this.#unexpectedState(intent, message) };
    }
    const { amount, currency, created, description, metadata, shown } = intent;
    const canceled: Intent = {
      ...{ id, amount, currency, created, description, metadata, shown },
      status: 'canceled',
    };
    return { answer: { status: 200, body: this.#shown(canceled) }, intent: canceled };
  }

  /**
   * What a customer does at their bank.
   * @returns the intent as it is then, or undefined when there is nothing to do for them
   */
  authenticate(id: string, confirmed: boolean): IntentIn<'requires_action'> | undefined {
    const intent = this.awaited(id);
    if (!intent) return undefined;
    const { actionUrl: _, returnUrl: _back, idempotencyKey, paymentMethod, ...rest } = intent;
    const chargeId = newId('ch');
    if (confirmed) {
      this.#settlement.succeed({ ...rest, status: 'succeeded', paymentMethod, chargeId }, idempotencyKey);
    } else {
      const failure = { chargeId, decline: NOT_AUTHENTICATED };
      this.#settlement.fail({ ...rest, status: 'requires_payment_method', failure });
    }
    return intent;
  }

  /** An intent that its customer has to confirm. */
  awaited(id: string): IntentIn<'requires_action'> | undefined {
    const intent = this.#intents.get(id);
    return intent?.status === 'requires_action' ? intent : undefined;
  }

  retrieve(id: string, expand: readonly string[]): Answer {
    return { status: 200, body: this.#shown(this.#known(id), expand) };
  }

  refund(parameters: CreateRefund, key: string | null): Decision {
    const intent = this.#refundable(parameters);
    if (intent.status !== 'succeeded') {
      const message = `This PaymentIntent (${intent.id}) does not have a successful charge to refund.`;
      return { answer: this.#unexpectedState(intent, message) };
    }
    const left = intent.amount - this.#refundedOf(intent);
    if (left === 0) {
      const message = `Charge ${intent.chargeId} has already been refunded.`;
      return { answer: stripeError(400, { code: 'charge_already_refunded', message }) };
    }
    const amount = parameters.amount ?? left;
    if (amount > left) {
      const message = `Refund amount (${amount}) is greater than unrefunded amount on charge (${left}), in minor units of ${intent.currency}.`;
      return { answer: stripeError(400, { message, param: 'amount' }) };
    }
    const refused = refusedAmount(amount, intent.currency);
    if (refused) return { answer: refused };
    const card = cardOutcome(intent.paymentMethod);
    const later = card?.outcome === 'succeeds' ? card.refund : undefined;
    const settles = later && { atMs: Date.now() + this.#settleMs, to: later, idempotencyKey: key };
    const refund: Refund = {
      id: newId('re'),
      intentId: intent.id,
      chargeId: intent.chargeId,
      amount,
      currency: intent.currency,
      created: unixSeconds(),
      reason: parameters.reason ?? null,
      metadata: parameters.metadata,
      status: settles ? 'pending' : 'succeeded',
      ...(settles && { settles }),
    };
    return {
      answer: { status: 200, body: refundObject(refund) },
      refund,
      ...(!settles && { effect: refundEffect(refund, this.#runOf(refund), key) }),
    };
  }

  retrieveRefund(id: string): Answer {
    const refund = this.#refunds.get(id);
    if (refund) return { status: 200, body: refundObject(refund) };
    throw noSuch('refund', id, 'id');
  }

  listIntents(parameters: ListIntents): Answer {
    const what = { object: 'payment_intent', url: '/v1/payment_intents' };
    return listPage(what, [...this.#intents.values()], parameters, (intent) => this.#shown(intent));
  }

  listRefunds({ payment_intent, charge, ...page }: ListRefunds): Answer {
    const chosen = [...this.#refunds.values()]
      .filter(({ intentId }) => payment_intent === undefined || intentId === payment_intent)
      .filter(({ chargeId }) => charge === undefined || chargeId === charge);
    return listPage({ object: 'refund', url: '/v1/refunds' }, chosen, page, refundObject);
  }

  close(): void {
    this.#settlement.forget();
  }

  #charge(
    intent: IntentIn<'requires_payment_method' | 'requires_confirmation'>,
    paymentMethod: string | undefined,
    { key, origin, returnUrl }: { key: string | null; origin: string; returnUrl: string | undefined },
    expand: readonly string[],
  ): Decision {
    const card = paymentMethod === undefined ? undefined : cardOutcome(paymentMethod);
    if (paymentMethod === undefined || card === undefined) {
      const message = `You cannot confirm this PaymentIntent because it's missing a payment method.`;
      return { answer: this.#unexpectedState(intent, message) };
    }
    const { id, amount, currency, created, description, metadata, shown } = intent;
    const common = { id, amount, currency, created, description, metadata, shown };
    const chargeId = newId('ch');
    switch (card.outcome) {
      case 'declines': {
        const { decline } = card;
        const declined: Intent = {
          ...common,
          status: 'requires_payment_method',
          failure: { chargeId, decline },
        };
        const facts = { ...declineFacts(decline, chargeId), payment_intent: this.#shown(declined, expand) };
        return { answer: stripeError(402, facts), intent: declined };
      }
      case 'processes': {
        const settlesAtMs = Date.now() + this.#settleMs;
        const processing: Intent = {
          ...common,
          status: 'processing',
          paymentMethod,
          chargeId,
          settlesAtMs,
          ...(card.decline && { decline: card.decline }),
          idempotencyKey: key,
        };
        return { answer: { status: 200, body: this.#shown(processing, expand) }, intent: processing };
      }
      case 'asks_customer': {
        const asked: Intent = {
          ...common,
          status: 'requires_action',
          paymentMethod,
          actionUrl: `${origin}/payment/authenticate/${id}`,
          ...(returnUrl !== undefined && { returnUrl }),
          idempotencyKey: key,
        };
        return { answer: { status: 200, body: this.#shown(asked, expand) }, intent: asked };
      }
      case 'succeeds': {
        const succeeded: Intent = { ...common, status: 'succeeded', paymentMethod, chargeId };
        return {
          answer: { status: 200, body: this.#shown(succeeded, expand) },
          intent: succeeded,
          effect: chargeEffect(succeeded, key),
        };
      }
    }
  }

  #refundable({ payment_intent, charge }: CreateRefund): Intent {
    const [intent] = payment_intent
      ? [this.#intents.get(payment_intent)]
      : [...this.#intents.values()].filter((each) => 'chargeId' in each && each.chargeId === charge);
    if (intent) return intent;
    if (payment_intent) throw noSuch('payment_intent', payment_intent, 'payment_intent');
    if (charge) throw noSuch('charge', charge, 'charge');
    throw refuse(400, {
      code: 'parameter_missing',
      message: 'One of the following params should be provided for this request: payment_intent or charge.',
    });
  }

  #known(id: string): Intent {
    const intent = this.#intents.get(id);
    if (intent) return intent;
    throw noSuch('payment_intent', id, 'intent');
  }

  /** The run that a refund is about: its own, or its intent's. */
  #runOf({ metadata, intentId }: Refund): string | undefined {
    return metadata.run ?? this.#intents.get(intentId)?.metadata.run;
  }

  #refundedOf(intent: Intent): number {
    return this.#refunded.get(intent.id) ?? 0;
  }

  #shown(intent: Intent, expand: readonly string[] = []) {
    return intentObject(intent, this.#refundedOf(intent), expand);
  }

  #unexpectedState(intent: Intent, message: string): Answer {
    return stripeError(400, {
      code: 'payment_intent_unexpected_state',
      message,
      payment_intent: this.#shown(intent),
    });
  }

  #apply(change: PaymentChange): void {
    if (change.type === 'notified') {
      this.#settlement.notified(change.noticeId);
      return;
    }
    if (change.intent) {
      this.#intents.set(change.intent.id, change.intent);
      this.#settlement.follow(change.intent);
    }
    if (change.refund) this.#applyRefund(change.refund);
    if (change.type === 'settled') {
      if (change.notice) this.#settlement.notify(change.notice);
      return;
    }
    if (change.playback) this.#playbacks.set(change.playback.key, change.playback);
  }

  #applyRefund(refund: Refund): void {
    const { id, intentId, amount } = refund;
    const before = this.#refunds.get(id);
    const counts = (it: Refund | undefined) => (it && it.status !== 'failed' ? amount : 0);
    this.#refunds.set(id, refund);
    this.#refunded.set(intentId, (this.#refunded.get(intentId) ?? 0) + counts(refund) - counts(before));
    this.#settlement.followRefund(refund, this.#runOf(refund));
  }
}

const CANNOT_CONFIRM = {
  succeeded: 'it has already succeeded after being previously confirmed',
  processing: 'it is being processed',
  requires_action: 'its customer is being asked to confirm it',
  canceled: 'it has a status of canceled',
} as const;

const NOT_AUTHENTICATED: Decline = {
  code: 'payment_intent_authentication_failure',
  declineCode: 'authentication_failed',
  message: 'The customer did not confirm the payment at their bank.',
};
