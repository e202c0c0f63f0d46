import { DEAD_LETTERS } from '@holdfast/engine';
import type { Processes } from '@holdfast/local';
import { ask, askOk } from '@holdfast/prove';
import { waitFor } from '@holdfast/testkit';
import { z } from 'zod';

const Letter = z.object({ id: z.string(), failedReason: z.string(), data: z.object({ runId: z.string() }) });
export type Letter = z.infer<typeof Letter>;

const Queues = z.object({ queues: z.array(z.object({ name: z.string(), jobs: z.array(z.unknown()) })) });

/** Bull Board, used through the requests that its page makes. */
export class Board {
  readonly #processes: () => Pick<Processes, 'dashboard'>;

  constructor(processes: () => Pick<Processes, 'dashboard'>) {
    this.#processes = processes;
  }

  /** The letters under Failed. */
  async failedLetters(): Promise<Letter[]> {
    const query = `activeQueue=${DEAD_LETTERS}&status=failed&page=1&jobsPerPage=100`;
    const { body } = await askOk(`${this.#url()}?${query}`, { headers: this.#login() });
    const queue = Queues.parse(body).queues.find(({ name }) => name === DEAD_LETTERS);
    return z.array(Letter).parse(queue?.jobs ?? []);
  }

  letterOf(runId: string): Promise<Letter> {
    return waitFor(async () => (await this.failedLetters()).find(({ data }) => data.runId === runId), {
      what: `the letter of ${runId} to stand under Failed`,
    });
  }

  /** Presses Retry. @returns the status of the answer */
  async retry({ id }: Pick<Letter, 'id'>, headers = this.#login()): Promise<number> {
    const url = `${this.#url()}/${DEAD_LETTERS}/${encodeURIComponent(id)}/retry`;
    return (await ask(url, { method: 'PUT', headers })).status;
  }

  /** Presses Retry all. */
  async retryAll(): Promise<void> {
    const url = `${this.#url()}/${DEAD_LETTERS}/retry/failed`;
    await askOk(url, { method: 'PUT', headers: this.#login() });
  }

  #url(): string {
    return `${this.#processes().dashboard.url}/queues/api/queues`;
  }

  #login(): Record<string, string> {
    const { user, password } = this.#processes().dashboard;
    return { authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` };
  }
}
