// Starts the OpenTelemetry SDK before anything else is loaded: `node --import ./telemetry.mjs`. Spans go to a file, one JSON object a line;
// in its place take the exporter that your backend wants, such as @opentelemetry/exporter-trace-otlp-http.
import { appendFileSync } from 'node:fs';
import { SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { NodeTracerProvider } from '@opentelemetry/sdk-trace-node';

class FileExporter {
  #file;

  constructor(file) {
    this.#file = file;
  }

  export(spans, done) {
    for (const span of spans) {
      const { traceId, spanId } = span.spanContext();
      const { name, kind, attributes, status, startTime, duration, parentSpanContext } = span;
      const parent = parentSpanContext?.spanId;
      appendFileSync(
        this.#file,
        `${JSON.stringify({ name, kind, traceId, spanId, parent, attributes, status, startTime, duration })}\n`,
      );
    }
    done({ code: 0 });
  }

  async shutdown() {}
}

const provider = new NodeTracerProvider({
  spanProcessors: [new SimpleSpanProcessor(new FileExporter(process.env.SPANS_FILE ?? 'spans.jsonl'))],
});
// also keeps what is being traced over every await
provider.register();
