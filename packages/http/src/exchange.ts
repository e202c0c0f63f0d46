import type { Dispatcher } from 'undici';
import { decodeBody } from './decode-body.ts';
import type { ResponseHeaders } from './outcome.ts';

/** A request as it goes on the wire. */
export interface WireRequest {
  readonly method: string;
  /** For a proxy, which serves many. */
  readonly origin?: string | undefined;
  /** With the query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  readonly signal: AbortSignal;
  /** Asked when there is a connection, before the first byte is written. Default: yes. */
  readonly mayStart?: (() => boolean) | undefined;
}

export interface ExchangeLimits {
  /** From handing the request to the connection until the whole of the answer's head is there. */
  readonly headersTimeoutMs: number;
  /** From the head until the last byte of the body, however it drips. */
  readonly bodyTimeoutMs: number;
  readonly maxResponseBytes: number;
}

/** What was seen on the wire, without a verdict. */
export type Exchange =
  | {
      readonly ended: 'failed';
      /** Whether a byte of the request can have reached the provider. */
      readonly sent: boolean;
      readonly error: unknown;
    }
  | {
      readonly ended: 'answered';
      readonly status: number;
      readonly headers: ResponseHeaders;
      readonly body: ReceivedBody;
      /** Unix milliseconds. */
      readonly receivedAtMs: number;
    };

export type ReceivedBody =
  | { readonly whole: true; readonly bytes: Buffer }
  /** `bytes` is what came before it broke off. */
  | { readonly whole: false; readonly bytes: Buffer; readonly error: unknown };

/** Why we broke an exchange off ourselves. */
export class BrokenOffError extends Error {
  constructor(
    readonly code:
      | ('aborted' | 'not_started' | 'headers_timeout' | 'body_timeout')
      | ('response_too_large' | 'response_malformed' | 'response_encoding_unknown'),
    options?: ErrorOptions,
  ) {
    super(code, options);
    this.name = 'BrokenOffError';
  }
}

/**
 * Sends one request and waits for its answer. Resolves as soon as it is over, whatever undici is still busy with.
 * @throws undici's InvalidArgumentError for a request that cannot be put on the wire: a mistake of ours
 */
export function exchange(
  dispatcher: Dispatcher,
  request: WireRequest,
  limits: ExchangeLimits,
): Promise<Exchange> {
  return new Promise((resolve, reject) => {
    const { signal } = request;
    const aborted = () => new BrokenOffError('aborted', { cause: signal.reason });
    if (signal.aborted) return resolve({ ended: 'failed', sent: false, error: aborted() });

    const onAbort = () => handler.breakOff(aborted());
    const handler = new ExchangeHandler(limits, request.mayStart, {
      over: (result) => {
        signal.removeEventListener('abort', onAbort);
        resolve(result);
      },
      impossible: (error) => {
        signal.removeEventListener('abort', onAbort);
        reject(error);
      },
    });
    signal.addEventListener('abort', onAbort, { once: true });
    dispatcher.dispatch(
      {
        method: request.method,
        ...(request.origin !== undefined && { origin: request.origin }),
        path: request.path,
        headers: request.headers,
        body: request.body ?? null,
        // undici's own clocks start again with every byte and tick in half seconds: the handler's bound the whole.
        headersTimeout: 0,
        bodyTimeout: 0,
      },
      handler,
    );
  });
}

interface Ending {
  over(result: Exchange): void;
  impossible(error: Error): void;
}

type Progress =
  | { readonly at: 'connecting' }
  | { readonly at: 'sent'; readonly controller: Dispatcher.DispatchController }
  | {
      readonly at: 'receiving';
      readonly controller: Dispatcher.DispatchController;
      readonly status: number;
      readonly headers: ResponseHeaders;
      readonly receivedAtMs: number;
    }
  | { readonly at: 'over' };

/**
 * undici calls `onRequestStart` when it has a connection and before it writes the first byte, so that an error before it, of
 * whatever kind, means that nothing was sent.
 */
class ExchangeHandler implements Dispatcher.DispatchHandler {
  readonly #limits: ExchangeLimits;
  readonly #mayStart: (() => boolean) | undefined;
  readonly #ending: Ending;
  readonly #chunks: Buffer[] = [];
  #size = 0;
  #progress: Progress = { at: 'connecting' };
  #timer: NodeJS.Timeout | undefined;

  constructor(limits: ExchangeLimits, mayStart: (() => boolean) | undefined, ending: Ending) {
    this.#limits = limits;
    this.#mayStart = mayStart;
    this.#ending = ending;
  }

  breakOff(error: BrokenOffError): void {
    const before = this.#progress;
    this.#fail(error);
    if (before.at === 'sent' || before.at === 'receiving') before.controller.abort(error);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    if (this.#progress.at === 'over') {
      // Broken off while connecting: undici writes nothing once it is aborted here.
      controller.abort(new BrokenOffError('aborted'));
    } else if (this.#mayStart?.() === false) {
      const error = new BrokenOffError('not_started');
      this.#fail(error);
      controller.abort(error);
    } else {
      this.#progress = { at: 'sent', controller };
      this.#startTimer(this.#limits.headersTimeoutMs, 'headers_timeout');
    }
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    headers: Readonly<Record<string, string | string[] | undefined>>,
  ): void {
    if (this.#progress.at === 'over' || status < 200) return;
    this.#progress = {
      at: 'receiving',
      controller,
      status,
      headers: joinHeaders(headers),
      receivedAtMs: Date.now(),
    };
    this.#startTimer(this.#limits.bodyTimeoutMs, 'body_timeout');
    const announced = Number(this.#progress.headers['content-length'] ?? 0);
    if (announced > this.#limits.maxResponseBytes) this.breakOff(new BrokenOffError('response_too_large'));
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#progress.at === 'over') return;
    this.#size += chunk.length;
    if (this.#size > this.#limits.maxResponseBytes) {
      this.breakOff(new BrokenOffError('response_too_large'));
    } else {
      this.#chunks.push(chunk);
    }
  }

  onResponseEnd(): void {
    if (this.#progress.at !== 'receiving') return;
    const { status, headers, receivedAtMs } = this.#progress;
    const body = decodeBody(headers, Buffer.concat(this.#chunks), this.#limits.maxResponseBytes);
    this.#finish({ ended: 'answered', status, headers, body, receivedAtMs });
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#fail(error);
  }

  #fail(error: Error): void {
    const progress = this.#progress;
    if (progress.at === 'connecting' && 'code' in error && error.code === 'UND_ERR_INVALID_ARG') {
      this.#progress = { at: 'over' };
      this.#ending.impossible(error);
    } else if (progress.at === 'receiving') {
      const { status, headers, receivedAtMs } = progress;
      const body = { whole: false, bytes: Buffer.concat(this.#chunks), error } as const;
      this.#finish({ ended: 'answered', status, headers, body, receivedAtMs });
    } else if (progress.at !== 'over') {
      this.#finish({ ended: 'failed', sent: progress.at === 'sent', error });
    }
  }

  #finish(result: Exchange): void {
    clearTimeout(this.#timer);
    this.#progress = { at: 'over' };
    this.#chunks.length = 0;
    this.#ending.over(result);
  }

  #startTimer(ms: number, code: 'headers_timeout' | 'body_timeout'): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.breakOff(new BrokenOffError(code)), ms);
  }
}

function joinHeaders(headers: Readonly<Record<string, string | string[] | undefined>>): ResponseHeaders {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      value === undefined ? [] : [[name.toLowerCase(), Array.isArray(value) ? value.join(', ') : value]],
    ),
  );
}
