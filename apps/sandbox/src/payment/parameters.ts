import { z } from 'zod';
import { refuse } from './errors.ts';
import { CARD_NAMES, cardOutcome } from './test-cards.ts';

const CURRENCIES = new Set(Intl.supportedValuesOf('currency').map((code) => code.toLowerCase()));

const stripeCode = (code: string | undefined, message: string) => ({
  code: 'custom' as const,
  message,
  params: { stripeCode: code },
});

/** Minor units; a form carries them as text. */
const amount = z.string().transform((text, ctx) => {
  if (!/^-?\d+$/.test(text))
    ctx.addIssue(stripeCode('parameter_invalid_integer', `Invalid integer: ${text}`));
  else if (Number(text) < 1)
    ctx.addIssue(stripeCode('parameter_invalid_integer', 'This value must be greater than or equal to 1.'));
  else if (Number(text) > Number.MAX_SAFE_INTEGER)
    ctx.addIssue(stripeCode('amount_too_large', 'Amount is too large in any currency.'));
  else return Number(text);
  return z.NEVER;
});

const currency = z.string().transform((text, ctx) => {
  const code = text.toLowerCase();
  if (CURRENCIES.has(code)) return code;
  ctx.addIssue(stripeCode(undefined, `Invalid currency: ${text}. Use a three-letter ISO 4217 code.`));
  return z.NEVER;
});

const paymentMethod = z.string().refine((name) => cardOutcome(name) !== undefined, {
  error: ({ input }) => `No such PaymentMethod: '${input}'. The sandbox has ${CARD_NAMES.join(', ')}.`,
  params: { stripeCode: 'resource_missing' },
});

const flag = z.enum(['true', 'false'], 'Invalid boolean: use true or false.').transform((t) => t === 'true');
const text = (max: number) => z.string().max(max);
const metadata = z
  .record(text(40), text(500))
  .refine((given) => Object.keys(given).length <= 50, 'Metadata has more than 50 keys.');
const expand = (...properties: [string, ...string[]]) =>
  z.array(z.enum(properties, `The sandbox can expand ${properties.join(', ')} only.`));

/** Kept on the intent and shown, as Stripe does. */
const Shown = z.strictObject({
  automatic_payment_methods: z
    .strictObject({ enabled: flag, allow_redirects: z.enum(['always', 'never']).optional() })
    .optional(),
  capture_method: z
    .enum(['automatic', 'automatic_async'], 'The sandbox captures at once; it has no manual capture.')
    .optional(),
  confirmation_method: z.enum(['automatic', 'manual']).optional(),
  customer: text(500).optional(),
  payment_method_types: z.array(z.literal('card', 'The sandbox takes cards only.')).optional(),
  receipt_email: text(500).optional(),
  setup_future_usage: z.enum(['off_session', 'on_session']).optional(),
  shipping: z.record(z.string(), z.unknown()).optional(),
  statement_descriptor: text(22).optional(),
  statement_descriptor_suffix: text(22).optional(),
  transfer_group: text(500).optional(),
});

/** What only matters where a bank may ask the customer something. */
const Authentication = z.strictObject({
  error_on_requires_action: flag.optional(),
  off_session: flag.optional(),
  return_url: text(5000).optional(),
  use_stripe_sdk: flag.optional(),
});

export const CreateIntent = z.strictObject({
  amount,
  currency,
  payment_method: paymentMethod.optional(),
  confirm: flag.default(false),
  description: text(1000).optional(),
  metadata: metadata.default({}),
  expand: expand('latest_charge').default([]),
  ...Shown.shape,
  ...Authentication.shape,
});
export type CreateIntent = z.output<typeof CreateIntent>;

export const ConfirmIntent = z.strictObject({
  payment_method: paymentMethod.optional(),
  expand: expand('latest_charge').default([]),
  ...Authentication.shape,
});
export type ConfirmIntent = z.output<typeof ConfirmIntent>;

export const CancelIntent = z.strictObject({
  cancellation_reason: z.enum(['duplicate', 'fraudulent', 'requested_by_customer', 'abandoned']).optional(),
});

export const RetrieveIntent = z.strictObject({
  client_secret: text(500).optional(),
  expand: expand('latest_charge').default([]),
});

export const CreateRefund = z.strictObject({
  payment_intent: z.string().optional(),
  charge: z.string().optional(),
  amount: amount.optional(),
  reason: z.enum(['duplicate', 'fraudulent', 'requested_by_customer']).optional(),
  metadata: metadata.default({}),
});
export type CreateRefund = z.output<typeof CreateRefund>;

export const RetrieveRefund = z.strictObject({});

const unixSeconds = z
  .string()
  .regex(/^\d{1,15}$/, 'Invalid timestamp: write it as whole seconds since 1970.')
  .transform(Number);
const moment = z
  .strictObject({
    gt: unixSeconds.optional(),
    gte: unixSeconds.optional(),
    lt: unixSeconds.optional(),
    lte: unixSeconds.optional(),
  })
  .or(unixSeconds);
/** One second, or a span of them. */
export type Moment = z.output<typeof moment>;

const page = {
  created: moment.optional(),
  limit: z
    .string()
    .regex(/^([1-9]\d?|100)$/, 'Limit must be between 1 and 100.')
    .transform(Number)
    .default(10),
  /** The last object of the page before. */
  starting_after: z.string().optional(),
};

export const ListIntents = z.strictObject(page);
export type ListIntents = z.output<typeof ListIntents>;

export const ListRefunds = z.strictObject({
  ...page,
  payment_intent: z.string().optional(),
  charge: z.string().optional(),
});
export type ListRefunds = z.output<typeof ListRefunds>;

/** The parameters that are only shown, out of all of a new intent. */
export function shownParameters(parameters: CreateIntent): Record<string, unknown> {
  return Object.fromEntries(
    Object.keys(Shown.shape).flatMap((name) => {
      const value = parameters[name as keyof typeof Shown.shape];
      return value === undefined ? [] : [[name, value]];
    }),
  );
}

/** @throws Refused with the first fault, in Stripe's shape. */
export function parseParameters<T>(schema: z.ZodType<T>, form: unknown): T {
  const parsed = schema.safeParse(form ?? {});
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const path = (issue?.path ?? []).map(String);
  if (issue?.code === 'unrecognized_keys') {
    const param = bracketed([...path, ...issue.keys.slice(0, 1)]);
    throw refuse(400, {
      code: 'parameter_unknown',
      message: `Received unknown parameter: ${param}`,
      param,
    });
  }
  const param = bracketed(path);
  if (issue?.code === 'invalid_type' && valueAt(form, path) === undefined)
    throw refuse(400, {
      code: 'parameter_missing',
      message: `Missing required param: ${param}.`,
      param,
    });
  const code: unknown = issue?.code === 'custom' ? issue.params?.stripeCode : undefined;
  throw refuse(400, {
    ...(typeof code === 'string' ? { code } : {}),
    message: issue?.message ?? 'The parameters could not be read.',
    param,
  });
}

/** As Stripe writes it: `metadata[run]`. */
function bracketed([first = '', ...rest]: readonly string[]): string {
  return `${first}${rest.map((part) => `[${part}]`).join('')}`;
}

function valueAt(form: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (value, part) => (typeof value === 'object' && value !== null ? Reflect.get(value, part) : undefined),
    form,
  );
}
