import type { LookUp, StepCall } from '@holdfast/engine';
import {
  type HttpRequest,
  type Operation as Named,
  type Outcome,
  type Refusal,
  type ResponseHeaders,
  unwrap,
} from '@holdfast/http';
import type { z } from 'zod';
import { checkRules } from './check-definition.ts';
import type { Outcomes } from './errors.ts';

/** What is sent, below the provider's URL. Credentials, key and trace are added. */
export type ProviderRequest = Pick<HttpRequest<unknown>, 'method' | 'path' | 'query' | 'headers' | 'body'>;

/** What an answer is to. */
export interface Asked<I> {
  readonly input: I;
  readonly call: StepCall;
}

/** What every operation has. */
export interface OperationRules<I, A> {
  /**
   * The request for an input. The same input and call must give the same bytes, since an attempt in doubt is repeated under its key.
   * Percent-encode what goes into `path`.
   */
  request(input: I, call: StepCall): ProviderRequest;
  /** Of the body of a 2xx answer; one that does not fit is in doubt. It is given `undefined` when there is no body. */
  readonly answer: z.ZodType<A>;
  /** How that body is read. Default `json`; `text` gives a string, `bytes` a Buffer. */
  readonly expects?: HttpRequest<unknown>['expects'];
  /** Win over the provider's. Default: none. */
  readonly outcomes?: Outcomes;
  /** The header for the call's idempotency key, or `false` for none. Default: the provider's. */
  readonly idempotencyHeader?: string | false;
}

export interface EffectRules<I, A> extends OperationRules<I, A> {
  /**
   * Error codes and statuses that refuse the effect itself, whichever request asked for it: a declined card, an address that no label can
   * be made for. Then they also say what became of an earlier attempt whose reply was lost. Default: none.
   */
  readonly settlesDoubt?: readonly (string | number)[];
}

export interface EffectWithResult<I, A, R> extends EffectRules<I, A> {
  /** What the step gets, from the answer. Default: the answer. */
  result(answer: A, asked: Asked<I> & { readonly headers: ResponseHeaders }): R;
  /** Looks whether a refusal means that the effect is there already, such as a 404 to a deletion. Default: a refusal is one. */
  alreadyDone?(refusal: Refusal, asked: Asked<I>): { readonly result: R } | undefined;
}

export interface EffectAnswered<I, A> extends EffectRules<I, A> {
  readonly result?: undefined;
  alreadyDone?(refusal: Refusal, asked: Asked<I>): { readonly result: A } | undefined;
}

export interface LookUpRules<I, A, M> extends OperationRules<I, A> {
  /**
   * The effects of this very step among those that the answer lists: none, one, or more than there should be; or why the answer does not
   * tell, such as one that has further pages.
   */
  matches(answer: A, asked: Asked<I>): readonly M[] | { readonly unknown: string };
}

/** How an operation reaches its provider. */
export interface Via extends Pick<Named, 'provider' | 'operation'> {
  /** @param safe it only reads; default: as its method says */
  send<I, A>(
    rules: OperationRules<I, A>,
    call: StepCall,
    request: ProviderRequest,
    safe?: true,
  ): Promise<Outcome<A>>;
}

export interface AnyOperation {
  readonly kind: 'operation' | 'look_up';
  readonly rules: Pick<OperationRules<unknown, unknown>, 'expects' | 'idempotencyHeader'>;
}

/** Made by {@link operation} or {@link lookUp}. */
export interface Operation<I, R> extends AnyOperation {
  perform(via: Via, call: StepCall, input: I): Promise<R>;
}

/**
 * Something that a provider does, or tells.
 * @example
 * operation({
 *   request: (message: { channel: string; text: string }) => ({ method: 'POST', path: '/chat.postMessage', body: { json: message } }),
 *   answer: z.object({ ok: z.literal(true), ts: z.string() }),
 *   result: ({ ts }) => ({ ts }),
 * })
 */
export function operation<I, A, R>(rules: EffectWithResult<I, A, R>): Operation<I, R>;
export function operation<I, A>(rules: EffectAnswered<I, A>): Operation<I, A>;
export function operation<I, A, R>(
  rules: EffectWithResult<I, A, R> | EffectAnswered<I, A>,
): Operation<I, R | A> {
  checkRules('operation', rules);
  const { settlesDoubt = [] } = rules;
  return {
    kind: 'operation',
    rules,
    async perform(via, call, input) {
      const outcome = await via.send(rules, call, rules.request(input, call));
      if (outcome.kind === 'ok') {
        const { value, headers } = outcome;
        return rules.result ? rules.result(value, { input, call, headers }) : value;
      }
      if (outcome.kind === 'rejected') {
        const done = rules.alreadyDone?.(outcome, { input, call });
        if (done) return done.result;
      }
      return unwrap(outcome, {
        provider: via.provider,
        operation: via.operation,
        settlesDoubt: ({ code, status }) =>
          settlesDoubt.includes(code) || (status !== undefined && settlesDoubt.includes(status)),
      });
    },
  };
}

/**
 * Asks a provider what became of an effect in doubt, for the `find` of a step. A 404 in the provider's own form counts as none.
 * @example
 * lookUp({
 *   request: (_: void, call) => ({ method: 'GET', path: '/labels', query: { reference: call.reference } }),
 *   answer: z.object({ labels: z.array(Label) }),
 *   matches: ({ labels }, { call }) => labels.filter((label) => label.reference === call.reference),
 * })
 */
export function lookUp<I, A, M>(rules: LookUpRules<I, A, M>): Operation<I, LookUp<M>> {
  checkRules('look_up', rules);
  return {
    kind: 'look_up',
    rules,
    async perform(via, call, input) {
      const outcome = await via.send(rules, call, rules.request(input, call), true);
      if (outcome.kind === 'rejected' && outcome.status === 404) return { outcome: 'none' };
      const found = rules.matches(unwrap(outcome, via), { input, call });
      if ('unknown' in found)
        return { outcome: 'unknown', reason: `${via.provider} ${via.operation}: ${found.unknown}` };
      const [first] = found;
      if (first === undefined) return { outcome: 'none' };
      if (found.length === 1) return { outcome: 'found', result: first };
      return {
        outcome: 'unknown',
        reason: `${via.provider} ${via.operation}: ${found.length} effects carry the reference ${call.reference}; undo all but one`,
      };
    },
  };
}
