import type { Cluster, Redis } from 'ioredis';
import { type Keys, keysOf } from '../journal/keys.ts';

/** The connection is kept this long after the last listener has left. */
const LINGER_MS = 10_000;
const RECONNECT_MS = 500;

interface Listener {
  /** Redis has confirmed that it tells us. */
  confirmed: boolean;
  /** Called when the run's end was announced, and whenever an announcement may have been missed. */
  readonly onNews: (announced: boolean) => void;
}

/**
 * Hears that runs have ended or died, as Redis announces it. One connection for all runs of a process, open only while somebody listens.
 * An announcement can be lost (a broken connection, a user without the right to publish), so whoever listens must also look now and then.
 */
export class AnnouncedEnds {
  readonly #copied: Redis | Cluster;
  readonly #keys: Keys;
  readonly #listeners = new Map<string, Listener>();
  #connection: Redis | Cluster | undefined;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  /** @param connection is copied, and stays the caller's */
  constructor(connection: Redis | Cluster) {
    this.#copied = connection;
    this.#keys = keysOf(connection);
  }

  /** One listener for each run. @returns ends the listening */
  listen(runId: string, onNews: Listener['onNews']): () => void {
    const channel = this.#keys.run(runId);
    const listener = { confirmed: false, onNews };
    this.#listeners.set(channel, listener);
    if (!this.#connection) this.#open();
    else this.#subscribe(this.#connection, [channel]);
    return () => {
      if (this.#listeners.get(channel) !== listener) return;
      this.#listeners.delete(channel);
      this.#connection?.unsubscribe(channel).catch(() => {});
      if (this.#listeners.size === 0) this.#after(LINGER_MS, () => this.#drop());
    };
  }

  /** Whether the end of the run would be heard now, as far as Redis has said. */
  hears(runId: string): boolean {
    return this.#listeners.get(this.#keys.run(runId))?.confirmed === true;
  }

  /** An end was not announced that should have been: the connection is not to be trusted. */
  reconnect(): void {
    if (this.#connection) this.#connection.disconnect();
  }

  close(): void {
    this.#closed = true;
    this.#drop();
  }

  #open(): void {
    clearTimeout(this.#timer);
    if (this.#closed || this.#connection || this.#listeners.size === 0) return;
    const connection = copyOf(this.#copied);
    this.#connection = connection;
    connection.on('error', () => {});
    connection.on('message', (channel: string) => this.#listeners.get(channel)?.onNews(true));
    connection.once('end', () => {
      if (this.#connection !== connection) return;
      this.#connection = undefined;
      this.#after(RECONNECT_MS, () => this.#open());
      for (const listener of this.#listeners.values()) {
        listener.confirmed = false;
        listener.onNews(false);
      }
    });
    this.#subscribe(connection, [...this.#listeners.keys()]);
  }

  #subscribe(connection: Redis | Cluster, channels: readonly string[]): void {
    const asked = channels.map((channel) => this.#listeners.get(channel));
    connection.subscribe(...channels).then(
      () => {
        for (const listener of asked) {
          if (!listener || this.#connection !== connection) continue;
          listener.confirmed = true;
          listener.onNews(false);
        }
      },
      () => {}, // not permitted, or the connection is gone: whoever listens looks now and then
    );
  }

  #after(ms: number, then: () => void): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(then, ms).unref();
  }

  #drop(): void {
    clearTimeout(this.#timer);
    if (!this.#closed && this.#listeners.size > 0) return;
    const connection = this.#connection;
    this.#connection = undefined;
    connection?.disconnect();
  }
}

/** Waits until it is connected; does not reconnect by itself, so that the next copy is made with the login that holds then. */
function copyOf(connection: Redis | Cluster): Redis | Cluster {
  if (connection.isCluster) return (connection as Cluster).duplicate();
  return (connection as Redis).duplicate({
    enableOfflineQueue: true,
    maxRetriesPerRequest: null,
    autoResubscribe: false,
    lazyConnect: false,
    retryStrategy: () => null,
  });
}
