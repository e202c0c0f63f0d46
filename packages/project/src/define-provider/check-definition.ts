import { toMs } from '@holdfast/engine';
import { z } from 'zod';
import { checkName } from './name.ts';

const schema = z.custom<z.ZodType>(
  (value) => typeof value === 'object' && value !== null && 'safeParse' in value,
  'expected a zod schema',
);
const fn = z.custom<() => unknown>((value) => typeof value === 'function', 'expected a function');
const headerName = z.string().regex(/^[\w!#$%&'*+.^`|~-]+$/, 'expected the name of a header');
const positive = z.number().positive();
const whole = z.int().positive();
const status = z.int().min(400).max(599);
const outcome = z.enum(['rejected', 'misconfigured', 'throttled', 'unavailable', 'in_doubt']);
const duration = z.custom((value) => isDuration(value), 'expected a duration such as "10s", or milliseconds');
const baseUrl = z.string().refine((text) => isBaseUrl(text), {
  error: 'expected a URL like https://api.example.com/v1, without credentials or a query',
});

const Auth = z.union(
  [
    z.enum(['none', 'bearer', 'basic']),
    z.strictObject({ header: headerName }),
    z.strictObject({ query: z.string().min(1) }),
    z.strictObject({
      oauth: z.strictObject({
        token: z.string().regex(/^(\/|https?:\/\/)/, 'expected a path such as /oauth/token, or a URL'),
        scope: z.string().optional(),
        clientAuth: z.enum(['basic', 'post']).optional(),
        parameters: z.record(z.string(), z.string()).optional(),
      }),
    }),
  ],
  {
    error:
      "expected 'none', 'bearer', 'basic', { header: 'x-api-key' }, { query: 'key' } or { oauth: { token: '/oauth/token' } }",
  },
);

const Definition = z.strictObject({
  name: z.string(),
  baseUrl: baseUrl.optional(),
  auth: Auth,
  errors: schema,
  errorsIn2xx: z.boolean().optional(),
  emptyErrors: z.array(status).optional(),
  outcomes: z.record(z.string(), outcome).optional(),
  idempotencyHeader: z.union([headerName, z.literal(false)]).optional(),
  limits: z
    .strictObject({
      ratePerSecond: positive.optional(),
      burst: whole.optional(),
      concurrency: whole.optional(),
    })
    .optional(),
  breaker: z.strictObject({ first: duration, max: duration }).optional(),
  timeouts: z
    .strictObject({ connect: duration.optional(), headers: duration.optional(), body: duration.optional() })
    .optional(),
  maxResponseBytes: whole.optional(),
  beforeAnyEffect: z.array(z.union([z.literal(503), z.literal(425)])).optional(),
  operations: z.record(
    z.string(),
    z.custom(
      (made) => typeof made === 'object' && made !== null && 'perform' in made,
      'is no operation; make it with operation({ … }) or lookUp({ … })',
    ),
  ),
});

const rules = {
  request: fn,
  answer: schema,
  expects: z.enum(['json', 'text', 'html', 'bytes']).optional(),
  outcomes: Definition.shape.outcomes,
  idempotencyHeader: Definition.shape.idempotencyHeader,
};
const RULES = {
  operation: z.strictObject({
    ...rules,
    settlesDoubt: z.array(z.union([z.string(), status])).optional(),
    result: fn.optional(),
    alreadyDone: fn.optional(),
  }),
  look_up: z.strictObject({ ...rules, matches: fn }),
};

/** Members of a provider itself, and what would make a promise of it. */
const NOT_OPERATIONS = ['name', 'variables', 'configure', 'then'];

/** @throws TypeError naming each member that does not fit, for who writes JavaScript or casts */
export function checkDefinition(definition: { readonly name: unknown; readonly operations: object }): void {
  const { name, operations } = definition;
  checkName(name);
  throwFaults(`provider "${name}"`, Definition.safeParse(definition));
  const taken = NOT_OPERATIONS.find((member) => Object.hasOwn(operations, member));
  if (taken !== undefined)
    throw new TypeError(
      `provider "${name}": an operation cannot be called \`${taken}\`; choose another name`,
    );
}

/** @throws TypeError naming each member that does not fit */
export function checkRules(kind: keyof typeof RULES, given: unknown): void {
  throwFaults(kind === 'operation' ? 'operation({ … })' : 'lookUp({ … })', RULES[kind].safeParse(given));
}

function throwFaults(what: string, read: z.ZodSafeParseResult<unknown>): void {
  if (read.success) return;
  const faults = read.error.issues.map(({ path, message }) => {
    const member = path.map(String).join('.');
    return member === '' ? message : `\`${member}\`: ${message}`;
  });
  throw new TypeError(`${what}: ${faults.join('; ')}`);
}

function isDuration(value: unknown): boolean {
  if (typeof value !== 'string' && typeof value !== 'number') return false;
  try {
    return toMs(value as Parameters<typeof toMs>[0]) > 0;
  } catch {
    return false;
  }
}

function isBaseUrl(text: string): boolean {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  return (
    url !== undefined &&
    /^https?:$/.test(url.protocol) &&
    ![url.username, url.password, url.search, url.hash].some((part) => part !== '')
  );
}
