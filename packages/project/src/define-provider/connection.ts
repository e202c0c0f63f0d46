import { ConfigError } from '@holdfast/app-kit';
import type { StepCall } from '@holdfast/engine';
import {
  createGuard,
  createHttpClient,
  type HttpClient,
  type HttpRequest,
  type Limits,
  type Outcome,
  type Sharing,
} from '@holdfast/http';
import { accountVariable, makeAuth, type ProviderAuth } from './auth.ts';
import { type ErrorRules, readErrorOf } from './errors.ts';
import type { OperationRules, ProviderRequest, Via } from './operation.ts';
import type { Settings } from './settings.ts';

/** All in milliseconds and bytes. */
export interface Bounds {
  readonly connectTimeoutMs: number;
  readonly headersTimeoutMs: number;
  readonly bodyTimeoutMs: number;
  readonly maxResponseBytes: number;
}

/** How all of a provider's operations reach it. */
export interface Plan {
  readonly name: string;
  readonly auth: ProviderAuth;
  readonly errors: ErrorRules & { readonly errorsIn2xx: boolean };
  readonly idempotencyHeader: string | false;
  readonly limits: Limits;
  readonly breaker: { readonly firstMs: number; readonly maxMs: number } | undefined;
  readonly bounds: Bounds;
  readonly beforeAnyEffect: readonly (503 | 425)[];
}

export interface Connection {
  via(operation: string): Via;
  close(): Promise<void>;
}

/**
 * @param sharing absent: every call is made at once, and nobody counts
 * @throws ConfigError naming the variable whose value cannot be used; it does not show credentials
 */
export function connectProvider(plan: Plan, settings: Settings, sharing: Sharing | undefined): Connection {
  const { name, bounds } = plan;
  const baseUrl = settings.text('URL');
  const account = accountVariable(plan.auth);
  const reach = settings.reach();
  const guard =
    sharing &&
    createGuard({
      provider: name,
      account: account === undefined ? baseUrl : `${baseUrl} ${settings.text(account)}`,
      limits: settings.limits(plan.limits),
      breaker: plan.breaker,
      longestCallMs: bounds.connectTimeoutMs + bounds.headersTimeoutMs + bounds.bodyTimeoutMs,
      ...sharing,
    });
  const auth = blaming(settings.variable(account === 'CLIENT_ID' ? 'TOKEN_URL' : (account ?? 'URL')), () =>
    makeAuth(plan.auth, { settings, baseUrl, reach, guard, tokens: sharing?.tokens }),
  );
  const http = blaming(settings.variable('URL'), () =>
    createHttpClient({
      baseUrl,
      ...(auth && { auth }),
      guard,
      readError: readErrorOf(plan.errors),
      errorsIn2xx: plan.errors.errorsIn2xx,
      beforeAnyEffect: plan.beforeAnyEffect,
      ...bounds,
      ...reach,
    }),
  );
  return {
    via: (operation) => ({
      provider: name,
      operation,
      send: (rules, call, request, safe) =>
        send(http, plan, rules, call, { ...request, endpoint: operation }, safe),
    }),
    close: async () => {
      await http.close();
      await guard?.close();
    },
  };
}

/** Looks whether a provider could be connected, without doing it. @throws ConfigError as {@link connectProvider} does */
export function checkConnection(plan: Plan, settings: Settings): void {
  void connectProvider(plan, settings, undefined).close();
}

function send<I, A>(
  http: HttpClient,
  plan: Plan,
  rules: OperationRules<I, A>,
  call: StepCall,
  request: ProviderRequest & Pick<HttpRequest<unknown>, 'endpoint'>,
  safe: true | undefined,
): Promise<Outcome<A>> {
  checkPath(request.path);
  const keyHeader = rules.idempotencyHeader ?? plan.idempotencyHeader;
  const keyed = keyHeader !== false && !safe && request.method !== 'GET';
  return http.request({
    ...request,
    headers: {
      ...(keyed && { [keyHeader.toLowerCase()]: call.idempotencyKey }),
      ...lowerCased(request.headers),
    },
    ...(rules.expects && { expects: rules.expects }),
    ...(safe && { safe }),
    ...(rules.outcomes && { readError: readErrorOf(plan.errors, rules.outcomes) }),
    signal: call.signal,
    origin: call,
    schema: rules.answer,
  });
}

/** @throws TypeError for a path that another one would be taken for: an input of `..` must not reach another operation */
function checkPath(path: string): void {
  const faulty = path.split('/').some((segment) => /^(\.|%2e){1,2}$/i.test(segment));
  if (faulty || /[?#\\\s]/.test(path))
    throw new TypeError(
      `the path ${JSON.stringify(path)} cannot be sent: percent-encode what goes into it (encodeURIComponent), put a query into \`query\`, and use no "." or ".." as a segment`,
    );
}

function lowerCased(headers: Readonly<Record<string, string>> = {}): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

/** The HTTP client says what is wrong; which variable it came from is known here. */
function blaming<T>(variable: string, make: () => T): T {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new ConfigError([{ variable, message: error.message }]);
  }
}
