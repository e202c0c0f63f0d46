import { createHash } from 'node:crypto';
import { orUnavailable } from '@holdfast/engine';
import { runScript, scriptsIn, tagOf } from '@holdfast/redis';
import type { Cluster, Redis } from 'ioredis';

const loadScript = scriptsIn(new URL('../src/lua/', import.meta.url));
const scripts = { noteEventTime: loadScript('note-event-time'), claimBody: loadScript('claim-body') };

const DAY_MS = 24 * 60 * 60 * 1_000;
/** Senders try again for days, not for longer. */
const TIMES_KEPT_MS = 30 * DAY_MS;
const BODIES_KEPT_MS = DAY_MS;

/** What is known of events beyond their runs. Everything expires. Each call throws StoreUnavailableError while Redis is unreachable. */
export interface WebhookMemory {
  /** Notes when something happened to a subject. @returns false when something later was noted before */
  isLatest(tenant: string, source: string, subject: string, time: number): Promise<boolean>;
  /** @returns the id under which this body came first within a day, which is this one if it is new */
  firstIdOf(source: string, body: Uint8Array, id: string): Promise<string>;
}

export function webhookMemory(connection: Redis | Cluster): WebhookMemory {
  return {
    async isLatest(tenant, source, subject, time) {
      if (!Number.isFinite(time)) throw new TypeError(`the time of an event must be a number, got ${time}`);
      const key = `${tagOf(connection)}/webhook-time/${tenant}/${source}/${hash(subject)}`;
      const noted = runScript(connection, scripts.noteEventTime, [key], [time, TIMES_KEPT_MS]);
      return (await orUnavailable(noted)) === 'latest';
    },
    async firstIdOf(source, body, id) {
      const key = `${tagOf(connection)}/webhook-body/${source}/${hash(body)}`;
      return String(
        await orUnavailable(runScript(connection, scripts.claimBody, [key], [id, BODIES_KEPT_MS])),
      );
    },
  };
}

function hash(text: string | Uint8Array): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 32);
}
