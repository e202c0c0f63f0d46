import type { components } from './api-types.ts';

/** As much of a flow as its types need; `defineFlow` gives it. */
export interface TypedFlow {
  readonly name: string;
  run(ctx: never, input: never): unknown;
}

/** As much of a `holdfast.config.ts` as the client's types need; nothing of it is there at run time. */
export interface TypedConfig {
  readonly flows: readonly TypedFlow[];
}

type FlowOf<C extends TypedConfig> = C['flows'][number];

export type FlowName<C extends TypedConfig> = FlowOf<C>['name'];

type Named<C extends TypedConfig, N extends FlowName<C>> = Extract<FlowOf<C>, { readonly name: N }>;

/** What a flow takes. Unknown for a config that does not tell. */
export type InputOf<C extends TypedConfig, N extends FlowName<C>> = TypedConfig extends C
  ? unknown
  : Parameters<Named<C, N>['run']>[1];

/** What a flow gives. Unknown for a config that does not tell. */
export type OutputOf<C extends TypedConfig, N extends FlowName<C>> = TypedConfig extends C
  ? unknown
  : Awaited<ReturnType<Named<C, N>['run']>>;

/** A run as `GET /v1/runs/{id}` shows it. */
export type Run<O = unknown> = Omit<components['schemas']['Run'], 'output'> & { readonly output?: O };
