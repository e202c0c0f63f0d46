import { ProvidersQuery } from '../routes/providers.ts';
import { jsonContent } from './json-content.ts';
import { problemResponses } from './problem-responses.ts';
import { queryParameters } from './query-parameters.ts';

const SHIPPING = {
  ...{ provider: 'shipping', account: '7c1f02ab', minutes: 15, calls: 412 },
  outcomes: { ok: 371, rejected: 2, misconfigured: 0, throttled: 3, unavailable: 36, in_doubt: 0 },
  errorRate: 0.0947,
  latencyMs: { p50: 84, p95: 240, p99: 910 },
  errors: [
    { kind: 'unavailable', code: 'connection_refused', count: 36 },
    { kind: 'throttled', code: 'http_429', count: 3 },
  ],
  waits: { breaker: 118, gate: 12, concurrency: 0, rate: 64 },
  limit: { learnedPerSecond: 19.4, ceilingPerSecond: 21, closedForMs: 0, slotsHeld: 0 },
  endpoints: [{ endpoint: 'find', learnedPerSecond: 4.2, ceilingPerSecond: 5, closedForMs: 0 }],
  breaker: { state: 'open', probeInMs: 640 },
  lastErrors: [
    {
      ...{ at: '2026-03-02T03:12:00.000Z', kind: 'unavailable', code: 'connection_refused' },
      ...{ message: 'connect ECONNREFUSED', runId: 'run_5c0d2f6a8e914b7c8d3e2f1a0b9c8d7e', durationMs: 3 },
    },
  ],
};

/** How the providers are doing. */
export function providersPath(): Record<string, object> {
  return {
    '/v1/providers': {
      get: {
        ...{ operationId: 'listProviders', tags: ['Providers'], summary: 'Show provider health' },
        description:
          'Every provider that was called in the last week, as all workers together saw it: calls, errors, latency, the limit that was ' +
          'learned, and the breaker. Needs the scope `operate`.',
        parameters: queryParameters(ProvidersQuery),
        responses: {
          '200': {
            description: 'The full list.',
            content: jsonContent('ProviderList', { providers: { data: [SHIPPING] } }),
          },
          ...problemResponses(
            ...([
              'request_malformed',
              'query_invalid',
              'api_key_missing',
              'api_key_invalid',
              'not_authenticated',
              'rate_limited',
            ] as const),
            ...(['scope_missing', 'request_timeout', 'headers_too_large', 'internal_error'] as const),
            'store_unavailable',
          ),
        },
      },
    },
  };
}
