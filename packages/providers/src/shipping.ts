import type { LookUp } from '@holdfast/engine';
import type { Label, Shipping } from '@holdfast/flows';
import {
  createHttpClient,
  type Guard,
  type KeptTokens,
  oauthClientCredentials,
  type Reach,
  unwrap,
} from '@holdfast/http';
import { z } from 'zod';
import { HTTP_LIMITS } from './http-limits.ts';
import { codedErrors, ProviderId } from './wire.ts';

export interface ShippingConfig {
  readonly url: string;
  readonly reach?: Reach | undefined;
  readonly clientId: string;
  readonly clientSecret: string;
}

const LabelBody = z.object({
  id: ProviderId,
  reference: z.string().optional(),
  /** `voided` labels count as none. */
  status: z.string().optional(),
  trackingNumber: z.string().min(1),
  labelUrl: z.string().min(1),
});
type LabelBody = z.infer<typeof LabelBody>;

const LabelList = z.object({ labels: z.array(LabelBody) });

/** Labels. Buying is not idempotent at the provider: each carries `call.reference`, by which one in doubt is looked up. */
/** @param kept where all workers keep one token together */
export function shipping(
  config: ShippingConfig,
  guard?: Guard,
  kept?: KeptTokens,
): Shipping & { close(): Promise<void> } {
  const { url, clientId, clientSecret, reach } = config;
  const http = createHttpClient({
    baseUrl: url,
    guard,
    auth: oauthClientCredentials({
      tokenUrl: `${url.replace(/\/+$/, '')}/oauth/token`,
      clientId,
      clientSecret,
      guard,
      reach,
      kept,
    }),
    readError: codedErrors(),
    ...HTTP_LIMITS,
    ...reach,
  });
  return {
    async buyLabel({ to, items }, call) {
      const outcome = await http.request({
        method: 'POST',
        path: '/labels',
        endpoint: 'buy',
        body: {
          json: {
            reference: call.reference,
            to: {
              name: to.name,
              line1: to.line1,
              line2: to.line2,
              city: to.city,
              state: to.state,
              postalCode: to.postalCode,
              country: to.country,
            },
            items: items.map(({ sku, quantity }) => ({ sku, quantity })),
          },
        },
        idempotencyKey: call.idempotencyKey,
        signal: call.signal,
        origin: call,
        schema: LabelBody,
      });
      return toLabel(
        unwrap(outcome, {
          provider: 'shipping',
          operation: 'buy label',
          settlesDoubt: ({ status }) => status === 422,
        }),
      );
    },

    async findLabel(call) {
      const outcome = await http.request({
        method: 'GET',
        path: '/labels',
        endpoint: 'find',
        query: { reference: call.reference },
        signal: call.signal,
        origin: call,
        schema: LabelList,
      });
      const { labels } = unwrap(outcome, { provider: 'shipping', operation: 'find label' });
      return readLookUp(labels, call.reference);
    },

    async voidLabel({ labelId }, call) {
      const outcome = await http.request({
        method: 'POST',
        path: `/labels/${encodeURIComponent(labelId)}/void`,
        endpoint: 'void',
        idempotencyKey: call.idempotencyKey,
        signal: call.signal,
        origin: call,
        schema: z.unknown(),
      });
      unwrap(outcome, { provider: 'shipping', operation: 'void label' });
    },

    close: () => http.close(),
  };
}

/** Two valid labels are one too many that somebody pays for: a person voids one, which nothing here may choose. */
function readLookUp(labels: readonly LabelBody[], reference: string): LookUp<Label> {
  const valid = labels.filter(
    (label) => (label.reference ?? reference) === reference && label.status !== 'voided',
  );
  const [first] = valid;
  if (!first) return { outcome: 'none' };
  if (valid.length === 1) return { outcome: 'found', result: toLabel(first) };
  const ids = valid.map(({ id }) => id).join(', ');
  return {
    outcome: 'unknown',
    reason: `shipping find label: ${valid.length} labels carry the reference ${reference} (${ids}); void all but one`,
  };
}

function toLabel({ id, trackingNumber, labelUrl }: LabelBody): Label {
  return { labelId: id, trackingNumber, labelUrl };
}
