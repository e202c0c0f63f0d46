import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { ChildPlan, SubmitterOrder, SubmitterReport, WorkerOrder, WorkerReport } from './protocol.ts';

type Answer<Report> = { readonly report: Report } | { readonly error: string };

/** No order takes longer than this. */
const ORDER_TIMEOUT_MS = 120_000;
const END_TIMEOUT_MS = 5_000;

/** A process of its own that carries out orders. */
export class Child<Order extends object, Report> {
  readonly #what: string;
  readonly #process: ChildProcess;

  constructor(what: string, file: string, plan: ChildPlan) {
    this.#what = `${plan.contender}'s ${what}`;
    this.#process = fork(fileURLToPath(new URL(file, import.meta.url)), [JSON.stringify(plan)]);
  }

  /** @throws Error when the process says so, ends, or takes too long. */
  ask(order: Order): Promise<Report> {
    return new Promise((resolve, reject) => {
      const fail = (why: string) => settle(() => reject(new Error(`${this.#what}: ${why}`)));
      const onExit = () => fail('ended before its answer');
      const onMessage = (answer: Answer<Report>) =>
        'report' in answer ? settle(() => resolve(answer.report)) : fail(answer.error);
      const timer = setTimeout(() => fail(`no answer within ${ORDER_TIMEOUT_MS} ms`), ORDER_TIMEOUT_MS);
      const settle = (then: () => void) => {
        clearTimeout(timer);
        this.#process.off('exit', onExit).off('message', onMessage);
        then();
      };
      this.#process.on('exit', onExit).on('message', onMessage);
      this.#process.send(order, (error) => {
        if (error) fail(error.message);
      });
    });
  }

  async end(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const gone = once(this.#process, 'exit');
    const timer = setTimeout(() => this.#process.kill('SIGKILL'), END_TIMEOUT_MS);
    if (this.#process.connected) this.#process.disconnect();
    await gone;
    clearTimeout(timer);
  }
}

export const forkWorker = (plan: ChildPlan) =>
  new Child<WorkerOrder, WorkerReport>('worker', './worker-process.js', plan);

export const forkSubmitter = (plan: ChildPlan) =>
  new Child<SubmitterOrder, SubmitterReport>('submitter', './submitter-process.js', plan);
