import { Readable } from 'node:stream';
import type { Claimed, KeptAnswer, Replays } from '@holdfast/operations';
import type { FastifyReply, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { fingerprintOf } from '../fingerprint.ts';
import { readIdempotencyKey } from '../idempotency-key.ts';
import { ProblemError } from '../problems.ts';
import { principalOf } from './authentication.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Members of the answer that are shown once, and neither kept nor repeated. */
    shownOnce?: readonly string[];
    /** The route remembers its answers itself, because it repeats them whole. */
    remembersAnswers?: true;
  }
}

/** Larger answers are not kept: the same request is then worked on again. */
const MOST_BYTES = 1024 * 1024;
/** Of the headers, those that the first answer alone could know. */
const HEADERS = ['content-type', 'location', 'retry-after', 'cache-control'] as const;

const claims = new WeakMap<FastifyRequest, Claimed>();

/**
 * An Idempotency-Key on POST requests other than submissions, whose key is that of their run: the same request is answered the same for 24 h, and
 * another one under its key is refused. What was refused or failed leaves the key free.
 */
export const replays = fp(async (app, { replays }: { readonly replays: Replays | undefined }) => {
  if (!replays) return;
  app.addHook('preHandler', async (request, reply) => {
    if (!takesKey(request) || request.headers['idempotency-key'] === undefined) return;
    const key = readIdempotencyKey(request.raw);
    const { tenant, scopes } = principalOf(request);
    // what a key of other scopes was shown is not shown to this one
    const scope = [tenant, request.routeOptions.url ?? '', [...scopes].sort().join(' ')];
    const found = await replays.claim(scope, key, fingerprintOf('POST', request.url, request.body ?? {}));
    switch (found.outcome) {
      case 'mine':
        claims.set(request, found.claim);
        reply.raw.once('close', () => giveUp(request));
        return;
      case 'answered':
        return repeat(reply, found.answer);
      case 'in_progress':
        throw new ProblemError(
          'request_in_progress',
          'A request with this Idempotency-Key is in progress. Send it again in a moment.',
          { headers: { 'retry-after': '1' } },
        );
      case 'key_reused':
        throw new ProblemError(
          'idempotency_key_reused',
          'This Idempotency-Key was used for another request to this route.',
        );
    }
  });

  app.addHook('onSend', async (request, reply, payload) => {
    const claim = claims.get(request);
    if (!claim) return payload;
    if (reply.statusCode >= 300) {
      giveUp(request);
      return payload;
    }
    if (typeof payload === 'string') {
      await keep(request, reply, claim, payload);
      return payload;
    }
    return isStream(payload) ? keepingCopy(request, reply, claim, payload) : payload;
  });
});

function takesKey({ method, routeOptions: { config } }: FastifyRequest): boolean {
  const access = config.access ?? 'public';
  return method === 'POST' && !config.remembersAnswers && access !== 'public' && access !== 'submit';
}

function giveUp(request: FastifyRequest): void {
  const claim = claims.get(request);
  claims.delete(request);
  claim
    ?.release()
    .catch((error: unknown) => request.log.warn({ err: error }, 'an Idempotency-Key could not be released'));
}

/** It is done: that its answer cannot be kept is no reason to say otherwise. */
async function keep(
  request: FastifyRequest,
  reply: FastifyReply,
  claim: Claimed,
  body: string,
): Promise<void> {
  if (Buffer.byteLength(body) > MOST_BYTES) return giveUp(request);
  claims.delete(request);
  const headers = Object.fromEntries(
    HEADERS.flatMap((name) => {
      const value = reply.getHeader(name);
      return value === undefined ? [] : [[name, String(value)]];
    }),
  );
  const kept = { status: reply.statusCode, headers, body: withoutSecrets(request, body) };
  await claim
    .keep(kept)
    .catch((error: unknown) => request.log.warn({ err: error }, 'a response could not be stored for replay'));
}

function withoutSecrets({ routeOptions: { config } }: FastifyRequest, body: string): string {
  const { shownOnce } = config;
  if (!shownOnce) return body;
  const members = Object.entries(JSON.parse(body) as object).filter(([name]) => !shownOnce.includes(name));
  return JSON.stringify(Object.fromEntries(members));
}

function isStream(payload: unknown): payload is AsyncIterable<Buffer | string> {
  return typeof payload === 'object' && payload !== null && Symbol.asyncIterator in payload;
}

async function* copying(
  source: AsyncIterable<Buffer | string>,
  whole: (text: string) => Promise<void>,
): AsyncGenerator<Buffer | string, void> {
  let text = '';
  for await (const chunk of source) {
    if (text.length <= MOST_BYTES) text += chunk.toString();
    yield chunk;
  }
  await whole(text);
}

/** Kept when it has come to its end. */
function keepingCopy(
  request: FastifyRequest,
  reply: FastifyReply,
  claim: Claimed,
  payload: AsyncIterable<Buffer | string>,
): Readable {
  return Readable.from(copying(payload, (text) => keep(request, reply, claim, text)));
}

function repeat(reply: FastifyReply, { status, headers, body }: KeptAnswer): FastifyReply {
  return reply
    .code(status)
    .headers({ ...headers, 'idempotent-replayed': 'true' })
    .serializer(String)
    .send(body);
}
