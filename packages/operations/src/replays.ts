import { createHash, randomUUID } from 'node:crypto';
import { orUnavailable, type PayloadCodec, UnreadablePayloadError } from '@holdfast/engine';
import { runScript } from '@holdfast/redis';
import type { Cluster, Redis } from 'ioredis';
import { z } from 'zod';
import { keysOf } from './keys.ts';
import { loadScript } from './scripts.ts';

/** How long an answer is given again. */
export const REPLAYED_FOR_MS = 24 * 60 * 60 * 1_000;
/** Longer than any request takes: a claim whose process died holds for so long. */
const CLAIM_MS = 60_000;
const SCRIPTS = { release: loadScript('release-replay') };

const Answer = z.object({
  status: z.number(),
  headers: z.record(z.string(), z.string()),
  body: z.string(),
  /** The config's codec has made it. */
  coded: z.literal(true).optional(),
});
/** An answer as it was sent. */
export type KeptAnswer = Omit<z.infer<typeof Answer>, 'coded'>;

const Record = z.object({ fingerprint: z.string(), claim: z.string().optional(), answer: Answer.optional() });

/** `mine`: go on, then `keep` or `release`. `in_progress`: the first one is not answered yet. */
export type Claim =
  | { readonly outcome: 'mine'; readonly claim: Claimed }
  | { readonly outcome: 'answered'; readonly answer: KeptAnswer }
  | { readonly outcome: 'in_progress' | 'key_reused' };

export interface Claimed {
  /** From now on the same request is answered so. */
  keep(answer: KeptAnswer): Promise<void>;
  /** The key is free again, unless an answer was kept. */
  release(): Promise<void>;
}

/** What requests with an Idempotency-Key were answered that accept no run of that key. */
export interface Replays {
  /**
   * @param scope within which the key is unique, such as tenant and route
   * @param fingerprint equal for requests that are the same
   * @throws StoreUnavailableError
   */
  claim(scope: readonly string[], key: string, fingerprint: string): Promise<Claim>;
}

/** @param codec the config's: answers may hold the output of a run */
export function createReplays(connection: Redis | Cluster, codec?: PayloadCodec): Replays {
  const keys = keysOf(connection);
  const placeOf = (key: string) => ({ runId: '', field: key });
  return {
    async claim(scope, idempotencyKey, fingerprint) {
      const key = keys.replay(
        createHash('sha256')
          .update(JSON.stringify([...scope, idempotencyKey]))
          .digest('hex'),
      );
      const mine = JSON.stringify({ fingerprint, claim: randomUUID() });
      const set = await orUnavailable(connection.set(key, mine, 'PX', CLAIM_MS, 'NX'));
      if (set === 'OK')
        return {
          outcome: 'mine',
          claim: {
            keep: async (answer) => {
              const body = await codec?.encode(answer.body, placeOf(key));
              const kept = body === undefined ? answer : { ...answer, body, coded: true };
              const record = JSON.stringify({ fingerprint, answer: kept });
              await orUnavailable(connection.set(key, record, 'PX', REPLAYED_FOR_MS));
            },
            release: async () => {
              await orUnavailable(runScript(connection, SCRIPTS.release, [key], [mine]));
            },
          },
        };
      const text = await orUnavailable(connection.get(key));
      // it has ended in between: whoever asks again finds it free
      if (text === null) return { outcome: 'in_progress' };
      const known = Record.parse(JSON.parse(text));
      if (known.fingerprint !== fingerprint) return { outcome: 'key_reused' };
      if (!known.answer) return { outcome: 'in_progress' };
      const { coded, body, ...rest } = known.answer;
      if (coded && !codec)
        throw new UnreadablePayloadError({ runId: '', field: key }, 'the config has no `codec`');
      const plain = coded && codec ? await codec.decode(body, placeOf(key)) : body;
      return { outcome: 'answered', answer: { ...rest, body: plain } };
    },
  };
}
