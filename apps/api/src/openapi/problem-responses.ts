import { describeProblem, PROBLEMS, type ProblemCode, ProblemError } from '../problems.ts';

const SOME_REQUEST = '0b8f6a3e-5c1d-4e7a-9f20-6d2c8b1a4e57';

const HEADERS: Partial<Record<ProblemCode, Record<string, object>>> = {
  api_key_missing: { 'WWW-Authenticate': { schema: { type: 'string' }, example: 'Bearer realm="holdfast"' } },
  store_unavailable: {
    'Retry-After': { description: 'Seconds to wait.', schema: { type: 'integer' }, example: 1 },
  },
  too_many_streams: {
    'Retry-After': { description: 'Seconds to wait.', schema: { type: 'integer' }, example: 5 },
  },
};

/** The OpenAPI responses for these codes, with an example of each. */
export function problemResponses(...codes: readonly ProblemCode[]): Record<string, object> {
  const byStatus = new Map<number, ProblemCode[]>();
  for (const code of codes) {
    const { status } = PROBLEMS[code];
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  return Object.fromEntries([...byStatus].map(([status, group]) => [String(status), response(group)]));
}

function response(codes: readonly ProblemCode[]): object {
  const headers = Object.assign({}, ...codes.map((code) => HEADERS[code] ?? {}));
  return {
    description: codes.map((code) => `\`${code}\`: ${PROBLEMS[code].title}.`).join(' '),
    ...(Object.keys(headers).length > 0 ? { headers } : {}),
    content: {
      'application/problem+json': {
        schema: { $ref: '#/components/schemas/Problem' },
        examples: Object.fromEntries(codes.map((code) => [code, { value: example(code) }])),
      },
    },
  };
}

const MEMBERS: Partial<Record<ProblemCode, ProblemError['members']>> = {
  validation_failed: {
    errors: [{ path: 'items.0.quantity', message: 'Too small: expected number to be >=1' }],
  },
  idempotency_key_reused: { runId: 'run_3n5d8k2q7v9x1c4b6m0w' },
  refund_exceeds_payment: { refundableAmount: 1900 },
};

function example(code: ProblemCode): object {
  const members = MEMBERS[code] ?? {};
  return describeProblem(new ProblemError(code, PROBLEMS[code].advice, { members }), SOME_REQUEST);
}
