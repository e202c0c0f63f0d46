// #region slack
import { defineProvider, lookUp, operation } from 'holdfast';
import { z } from 'zod';

export const slack = defineProvider({
  name: 'slack',
  baseUrl: 'https://slack.com/api',
  auth: 'bearer',
  limits: { ratePerSecond: 20, burst: 5 },

  // Slack says no with a 200: { "ok": false, "error": "channel_not_found" }
  errors: z.object({ ok: z.literal(false), error: z.string() }).transform(({ error }) => ({ code: error })),
  errorsIn2xx: true,
  outcomes: {
    ratelimited: 'throttled',
    invalid_auth: 'misconfigured',
    not_authed: 'misconfigured',
    token_revoked: 'misconfigured',
    token_expired: 'misconfigured',
    account_inactive: 'misconfigured',
    missing_scope: 'misconfigured',
    internal_error: 'in_doubt',
    fatal_error: 'in_doubt',
    request_timeout: 'in_doubt',
  },
  // Slack honours none
  idempotencyHeader: false,

  operations: {
    postMessage: operation({
      request: (message: { channel: string; text: string }, call) => ({
        method: 'POST',
        path: '/chat.postMessage',
        body: {
          json: {
            channel: message.channel,
            text: message.text,
            // the look-up below finds the message by it
            metadata: { event_type: 'holdfast', event_payload: { reference: call.reference } },
          },
        },
      }),
      answer: z.object({ ok: z.literal(true), ts: z.string() }),
      result: ({ ts }) => ({ ts }),
    }),

    findMessage: lookUp({
      request: (where: { channel: string }, call) => ({
        method: 'GET',
        path: '/conversations.history',
        query: {
          channel: where.channel,
          oldest: String(Math.floor(call.startedAt / 1000) - 60),
          include_all_metadata: 'true',
          limit: '200',
        },
      }),
      answer: z.object({
        ok: z.literal(true),
        has_more: z.boolean().optional(),
        messages: z.array(
          z.object({
            ts: z.string(),
            metadata: z.object({ event_payload: z.record(z.string(), z.unknown()) }).optional(),
          }),
        ),
      }),
      matches: ({ messages, has_more }, { call }) => {
        const ours = messages.filter(({ metadata }) => metadata?.event_payload.reference === call.reference);
        if (ours.length === 0 && has_more) return { unknown: 'the channel has more messages than one page' };
        return ours.map(({ ts }) => ({ ts }));
      },
    }),

    deleteMessage: operation({
      request: (message: { channel: string; ts: string }) => ({
        method: 'POST',
        path: '/chat.delete',
        body: { json: { channel: message.channel, ts: message.ts } },
      }),
      answer: z.object({ ok: z.literal(true) }),
      result: () => undefined,
      alreadyDone: ({ code }) => (code === 'message_not_found' ? { result: undefined } : undefined),
    }),
  },
});
// #endregion
