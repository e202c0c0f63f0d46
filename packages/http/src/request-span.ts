import { context, type Span, SpanKind, SpanStatusCode, TraceFlags, trace } from '@opentelemetry/api';
import type { WireRequest } from './exchange.ts';
import type { Outcome } from './outcome.ts';
import { redactText } from './redact.ts';

const tracer = trace.getTracer('holdfast');

export interface RequestSpan {
  /** The request, with the span's own `traceparent`. */
  readonly request: WireRequest;
  end(outcome: Outcome<unknown>): void;
}

/**
 * A client's span by OpenTelemetry's conventions for HTTP, where the request belongs to something that is traced.
 * @returns undefined where nothing is
 */
export function requestSpan(origin: string, request: WireRequest): RequestSpan | undefined {
  if (!trace.getActiveSpan()) return undefined;
  const { protocol, hostname, port } = new URL(origin);
  const [path = ''] = request.path.split('?');
  const span = tracer.startSpan(
    request.method,
    {
      kind: SpanKind.CLIENT,
      attributes: {
        'http.request.method': request.method,
        'server.address': hostname,
        'server.port': Number(port) || (protocol === 'https:' ? 443 : 80),
        // without its query, and without what looks like a secret
        'url.full': redactText(`${origin}${path}`, []),
      },
    },
    context.active(),
  );
  return {
    request: { ...request, headers: { ...request.headers, traceparent: traceparentOfSpan(span) } },
    end: (outcome) => {
      const status = 'status' in outcome ? outcome.status : outcome.details?.status;
      if (typeof status === 'number') span.setAttribute('http.response.status_code', status);
      if (outcome.kind !== 'ok') {
        span.setAttribute('error.type', outcome.code);
        span.setStatus({ code: SpanStatusCode.ERROR });
      }
      span.end();
    },
  };
}

function traceparentOfSpan(span: Span): string {
  const { traceId, spanId, traceFlags } = span.spanContext();
  return `00-${traceId}-${spanId}-0${traceFlags & TraceFlags.SAMPLED}`;
}
