import {
  type Context,
  context,
  isSpanContextValid,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  trace,
} from '@opentelemetry/api';
import type { AttemptOutcome } from '../drive/attempt.ts';
import type { ClaimedRun } from '../journal/journal.ts';
import { type ObservedCall, type ObservedEnd, observedOutcome } from './run-observer.ts';

/** Spans for whoever has started an OpenTelemetry SDK in the process; without one nothing is made. */
const tracer = trace.getTracer('holdfast');

/** The `traceparent` of what is being traced here. @returns undefined when nothing is */
export function activeTraceparent(): string | undefined {
  const span = trace.getActiveSpan();
  return span && traceparentIn(span.spanContext());
}

/**
 * A worker's time with a run, from its claim until it ends or waits, and the calls that it makes meanwhile. It belongs to the trace that the run
 * was submitted with.
 */
export class RunSpan {
  readonly #span: Span;
  readonly #context: Context;
  readonly #cameWith: string | undefined;

  constructor(run: ClaimedRun, jobId: string) {
    const parent = parentOf(run.trace);
    this.#cameWith = run.trace;
    this.#span = tracer.startSpan(
      'holdfast.run',
      {
        kind: SpanKind.CONSUMER,
        attributes: {
          'holdfast.run.id': run.runId,
          'holdfast.flow': run.flow,
          'holdfast.flow.version': run.version,
          'holdfast.run.generation': run.generation,
          'messaging.system': 'bullmq',
          'messaging.operation.type': 'process',
          'messaging.destination.name': run.flow,
          'messaging.message.id': jobId,
        },
      },
      parent,
    );
    this.#context = trace.setSpan(parent, this.#span);
  }

  /** Does it within the span, so that what the flow traces itself belongs to it. */
  within<T>(drive: () => Promise<T>): Promise<T> {
    return context.with(this.#context, drive);
  }

  /** How the run stands when the worker leaves it. */
  ended(end: { readonly status: ObservedEnd['status'] | 'suspended'; readonly code?: string }): void {
    this.#span.setAttribute('holdfast.run.status', end.status);
    if (end.status !== 'dead') return;
    this.#span.setAttribute('error.type', end.code ?? 'dead');
    this.#span.setStatus({ code: SpanStatusCode.ERROR });
  }

  end(): void {
    this.#span.end();
  }

  /**
   * One call of a step.
   * @param make makes it, for the trace that it is given: the call's own where there is a tracer, else what the run came with
   */
  async call<T>(
    { step, what, attempt }: Pick<ObservedCall, 'step' | 'what'> & { readonly attempt: number },
    make: (trace: string | undefined) => Promise<AttemptOutcome<T>>,
  ): Promise<AttemptOutcome<T>> {
    const attributes = { 'holdfast.step': step, 'holdfast.step.what': what, 'holdfast.attempt': attempt };
    const span = tracer.startSpan('holdfast.step', { attributes }, this.#context);
    const own = span.spanContext();
    const isOwn = isSpanContextValid(own) && own.spanId !== trace.getSpanContext(this.#context)?.spanId;
    try {
      const outcome = await context.with(trace.setSpan(this.#context, span), () =>
        make(isOwn ? traceparentIn(own) : this.#cameWith),
      );
      noteOutcome(span, outcome);
      return outcome;
    } finally {
      span.end();
    }
  }
}

/** Codes only: a message may hold a provider's words about a customer. */
function noteOutcome(span: Span, outcome: AttemptOutcome<unknown>): void {
  span.setAttribute('holdfast.step.outcome', observedOutcome(outcome) ?? 'abandoned');
  if (outcome.kind === 'ok') return;
  const code = 'error' in outcome ? codeOf(outcome.error) : outcome.because;
  span.setAttribute('error.type', code ?? outcome.kind);
  span.setStatus({ code: SpanStatusCode.ERROR });
}

function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  if ('code' in error && typeof error.code === 'string') return error.code;
  return error instanceof Error ? error.name : undefined;
}

const FORM = /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})/;

function parentOf(traceparent: string | undefined): Context {
  const [, traceId, spanId, flags = ''] = FORM.exec(traceparent ?? '') ?? [];
  if (traceId === undefined || spanId === undefined) return ROOT_CONTEXT;
  const sampled = (Number.parseInt(flags, 16) & 1) === 1;
  return trace.setSpanContext(ROOT_CONTEXT, {
    ...{ traceId, spanId, isRemote: true },
    traceFlags: sampled ? TraceFlags.SAMPLED : TraceFlags.NONE,
  });
}

function traceparentIn({ traceId, spanId, traceFlags }: SpanContext): string | undefined {
  if (!isSpanContextValid({ traceId, spanId, traceFlags })) return undefined;
  return `00-${traceId}-${spanId}-0${traceFlags & TraceFlags.SAMPLED}`;
}
