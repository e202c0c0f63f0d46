import { type FlowContext, type NextAction, RejectedError, type StepCall } from '@holdfast/engine';
import type { Charge, ChargeRequest, Payments, Refund } from './payments.ts';

const SECOND = 1_000;
const DAY = 24 * 60 * 60 * SECOND;

/** A customer who has not confirmed by then does not come back. */
const CONFIRMED_WITHIN = 3 * DAY;
/** Debits take a week, and banks have holidays. */
const SETTLED_WITHIN = 14 * DAY;

/** A signal that does not come holds up nothing: the provider is asked after so long, the last of them again and again. */
const ASKED_AFTER = [5 * SECOND, 60 * SECOND, 600 * SECOND, 3_600 * SECOND, 6 * 3_600 * SECOND, DAY] as const;

interface Pending {
  readonly pending?: true;
  readonly nextAction?: NextAction;
}

/**
 * Charges as the step `charge`, and waits for the provider's word where that comes later: for the signal `payment.settled`, or until it is
 * time to ask. The signal is a hint; what counts is what the provider says of the charge.
 * @throws RejectedError when it is refused, then or now, or not settled in time
 */
export async function charge(
  ctx: FlowContext,
  payments: Payments,
  request: ChargeRequest,
): Promise<{ readonly chargeId: string }> {
  const { amount, currency } = request;
  const made = await ctx.step<Charge>('charge', {
    run: (call) => payments.charge(request, call),
    undo: ({ chargeId, pending = false }, call) =>
      payments.takeBack({ chargeId, amount, currency, pending }, call),
    whenInDoubt: 'repeat',
    timeout: '30s',
  });
  const { chargeId } = made;
  await settled(ctx, made, {
    signal: 'payment.settled',
    step: 'settlement',
    read: (call) => payments.readCharge({ chargeId, amount, currency }, call),
    overdue: { code: 'payment_not_settled', message: `the charge ${chargeId} was not settled in time` },
  });
  return { chargeId };
}

/** Pays back as the step `refund`, and waits for the signal `refund.settled` or the provider's word where that comes later. */
export async function refund(
  ctx: FlowContext,
  payments: Payments,
  request: { readonly chargeId: string; readonly amount: number },
): Promise<void> {
  const made = await ctx.step<Refund>('refund', {
    run: (call) => payments.refund(request, call),
    undo: ({ refundId }, call) => payments.endRefund(refundId, call),
    whenInDoubt: 'repeat',
  });
  await settled(ctx, made, {
    signal: 'refund.settled',
    step: 'settlement',
    read: (call) => payments.readRefund(made.refundId, call),
    overdue: { code: 'refund_not_settled', message: `the refund ${made.refundId} was not settled in time` },
  });
}

async function settled(
  ctx: FlowContext,
  made: Pending,
  how: {
    readonly signal: string;
    readonly step: string;
    readonly read: (call: StepCall) => Promise<Pending>;
    readonly overdue: { readonly code: string; readonly message: string };
  },
): Promise<void> {
  const since = ctx.now();
  let now = made;
  let asked = 0;
  for (let looks = 1; now.pending; looks += 1) {
    const { nextAction } = now;
    const left = since + (nextAction ? CONFIRMED_WITHIN : SETTLED_WITHIN) - ctx.now();
    if (left <= 0) throw new RejectedError(how.overdue);
    const patience = ASKED_AFTER[asked] ?? DAY;
    const hinted = await ctx
      .waitFor(how.signal, { timeout: Math.min(left, patience), ...(nextAction && { nextAction }) })
      .then(() => true, notWithin('signal_timeout'));
    // a hint that came too early puts nothing off
    if (!hinted) asked += 1;
    now = await ctx.step<Pending>(`${how.step}-${looks}`, {
      run: how.read,
      // a look leaves nothing that would stand after the run
      undo: async () => {},
      whenInDoubt: 'repeat',
    });
  }
}

function notWithin(code: string): (error: unknown) => false {
  return (error) => {
    if (error instanceof RejectedError && error.code === code) return false;
    throw error;
  };
}
