import { z } from 'zod';
import type { Processes } from '../processes.ts';
import { ask } from './http.ts';

const Letter = z.object({ id: z.string(), failedReason: z.string() });
const Queues = z.object({
  queues: z.array(z.object({ name: z.string(), jobs: z.array(z.unknown()) })),
});

/** Bull Board, used through the requests that its page makes. */
export class Board {
  readonly #url: string;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #signal: AbortSignal;

  constructor({ dashboard }: Processes, signal: AbortSignal) {
    this.#url = `${dashboard.url}/queues/api/queues`;
    const login = Buffer.from(`${dashboard.user}:${dashboard.password}`).toString('base64');
    this.#headers = { authorization: `Basic ${login}` };
    this.#signal = signal;
  }

  /** The letter of a dead run, as it stands under Failed; undefined while there is none. */
  async failedLetter(runId: string): Promise<z.infer<typeof Letter> | undefined> {
    const query = 'activeQueue=dead-letters&status=failed&page=1&jobsPerPage=20';
    const { body } = await ask(`${this.#url}?${query}`, Queues, {
      headers: this.#headers,
      signal: this.#signal,
    });
    const letters = body.queues.find((queue) => queue.name === 'dead-letters')?.jobs ?? [];
    return letters
      .map((letter) => Letter.safeParse(letter))
      .flatMap((parsed) => (parsed.success ? [parsed.data] : []))
      .find((letter) => letter.id.startsWith(`${runId}.`));
  }

  /** What the Retry button does. */
  async retry(letterId: string): Promise<void> {
    await ask(`${this.#url}/dead-letters/${encodeURIComponent(letterId)}/retry`, z.unknown(), {
      method: 'PUT',
      headers: this.#headers,
      signal: this.#signal,
    });
  }
}
