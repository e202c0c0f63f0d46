import type { RedisConnection } from '@holdfast/redis';
import { z } from 'zod';
import type { Logger } from './logger.ts';
import { readFacts } from './preflight-facts.ts';
import { describeFinding, refusalText } from './preflight-report.ts';
import { type Finding, judgeRedis } from './preflight-rules.ts';
import { OperatorError } from './process.ts';
import { refusesUs } from './redis.ts';

export type Durability = 'strict' | 'standard';

/** What decides whether a Redis is good enough. */
export interface PreflightSettings {
  readonly durability: Durability;
  /** The operator's attestation of a Redis that hides its settings. */
  readonly attest: string | undefined;
}

/** The environment variables of the preflight, for `readConfig`. */
export const preflightVariables = {
  HOLDFAST_DURABILITY: z
    .enum(['strict', 'standard'], { error: 'expected strict or standard' })
    .default('strict'),
  HOLDFAST_DURABILITY_ATTEST: z.string().max(1_000, 'expected at most 1000 characters').optional(),
};

export function preflightSettings(read: {
  readonly HOLDFAST_DURABILITY: Durability;
  readonly HOLDFAST_DURABILITY_ATTEST?: string | undefined;
}): PreflightSettings {
  return { durability: read.HOLDFAST_DURABILITY, attest: read.HOLDFAST_DURABILITY_ATTEST };
}

/**
 * Looks whether accepted runs are safe in a Redis.
 * @returns what is wrong; empty when nothing is
 * @throws Error when it cannot be reached
 */
export async function checkRedis(
  connection: RedisConnection,
  { attest }: Pick<PreflightSettings, 'attest'>,
): Promise<Finding[]> {
  return (await readFacts(connection)).flatMap((facts) => judgeRedis(facts, attest));
}

/** Those for which nothing may start. */
export function refusing(findings: readonly Finding[], durability: Durability): Finding[] {
  return findings.filter(
    ({ gravity }) => gravity === 'unusable' || (gravity === 'loss' && durability === 'strict'),
  );
}

/** How a Redis was last found, as `/readyz?verbose` shows it. */
export interface PreflightReport extends PreflightSettings {
  /** `unknown`: not reached yet. `refused`: found wanting at start. */
  readonly state: 'unknown' | 'admitted' | 'refused';
  /** ISO 8601; absent before the first check. */
  readonly checkedAt?: string;
  readonly findings: readonly Finding[];
}

export interface PreflightOptions extends PreflightSettings {
  readonly connection: RedisConnection;
  readonly log: Logger;
  /** Default 30 s. */
  readonly everyMs?: number;
}

const REFUSED_ADVICE =
  'Correct user and password in HOLDFAST_REDIS_URL (percent-encode what is special in them), or what Redis allows: its users (ACL LIST), protected-mode, bind.';

const EVERY_MS = 30_000;
/** While Redis is unreachable, or was never seen. */
const AGAIN_MS = 250;
/** How long a start waits to see whether Redis is there. */
const FIRST_TRY_MS = 1_000;

/**
 * Checks a Redis as soon as it is there, whenever it is there again, and every half minute. The first check decides whether the
 * process may start; what changes later is logged once.
 */
export class Preflight {
  /** Resolves once Redis was found good enough; rejects with an OperatorError when it was not. Pending while Redis is unreachable. */
  readonly admitted: Promise<void>;
  readonly #options: PreflightOptions;
  readonly #stopped = new AbortController();
  readonly #firstTry: Promise<void>;
  #admit: () => void = () => {};
  #refuse: (reason: OperatorError) => void = () => {};
  #report: PreflightReport;
  #wake: () => void = () => {};

  constructor(options: PreflightOptions) {
    this.#options = options;
    this.#report = { durability: options.durability, attest: options.attest, state: 'unknown', findings: [] };
    this.admitted = new Promise((resolve, reject) => {
      this.#admit = resolve;
      this.#refuse = reject;
    });
    // whoever started this hears of it where it waits
    this.admitted.catch(() => {});
    options.connection.on('ready', this.#onReady);
    options.connection.on('error', this.#onError);
    this.#firstTry = this.#reachable().then(() => this.#check());
    void this.#firstTry.then(() => this.#goOn());
  }

  get report(): PreflightReport {
    return this.#report;
  }

  /** Resolves once Redis was found good enough, or could not be reached. @throws OperatorError when it is not good enough */
  async firstTry(): Promise<void> {
    await this.#firstTry;
    if (this.#report.state !== 'unknown') await this.admitted;
  }

  /** @throws Error while Redis was not found good enough */
  assertAdmitted(): void {
    if (this.#report.state === 'admitted') return;
    throw new Error(
      this.#report.state === 'refused' ? 'redis is not good enough' : 'redis has not been reached yet',
    );
  }

  stop(): void {
    this.#stopped.abort();
    this.#options.connection.off('ready', this.#onReady);
    this.#options.connection.off('error', this.#onError);
    this.#wake();
  }

  async #goOn(): Promise<void> {
    while (!this.#stopped.signal.aborted && this.#report.state !== 'refused') {
      await this.#pause(this.#report.state === 'admitted' ? (this.#options.everyMs ?? EVERY_MS) : AGAIN_MS);
      if (!this.#stopped.signal.aborted) await this.#check();
    }
  }

  async #check(): Promise<void> {
    if (this.#options.connection.status !== 'ready') return;
    let findings: Finding[];
    try {
      findings = await checkRedis(this.#options.connection, this.#options);
    } catch {
      return; // it went away or loads its data: the connection tells of that
    }
    if (this.#stopped.signal.aborted) return;
    const { durability, attest } = this.#options;
    const before = this.#report;
    const refused = before.state === 'unknown' ? refusing(findings, durability) : [];
    const state = refused.length > 0 ? 'refused' : 'admitted';
    this.#report = { durability, attest, state, checkedAt: new Date().toISOString(), findings };
    if (state === 'refused') return this.#refuse(new OperatorError(refusalText(refused, durability)));
    this.#logChanges(before.findings, findings);
    this.#admit();
  }

  #logChanges(before: readonly Finding[], now: readonly Finding[]): void {
    const { log, durability } = this.#options;
    const missingIn = (others: readonly Finding[]) => (finding: Finding) =>
      !others.some((other) => sameMatter(other, finding));
    for (const finding of now.filter(missingIn(before))) {
      const grave = refusing([finding], durability).length > 0;
      const accepted = finding.gravity === 'loss' && !grave;
      const taken = accepted ? '; HOLDFAST_DURABILITY=standard accepts that' : '';
      log[grave ? 'error' : 'warn']({ finding }, `${describeFinding(finding)}${taken}. Fix: ${finding.fix}`);
    }
    for (const { node, setting } of before.filter(missingIn(now))) {
      log.info({ node, setting }, `redis ${node}: ${setting} is fixed`);
    }
  }

  /** Resolves when the connection is there, when it failed, or when that takes too long to wait for. */
  #reachable(): Promise<void> {
    const { connection } = this.#options;
    if (connection.status === 'ready') return Promise.resolve();
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        for (const event of ['ready', 'close']) connection.off(event, done);
        resolve();
      };
      const timer = setTimeout(done, FIRST_TRY_MS);
      for (const event of ['ready', 'close']) connection.on(event, done);
    });
  }

  readonly #onReady = () => this.#wake();

  /** One that never lets us in is no outage that ends by itself: whoever starts hears of it. */
  readonly #onError = (error: Error) => {
    if (this.#report.state !== 'unknown' || !refusesUs(error)) return;
    this.#report = { ...this.#report, state: 'refused', checkedAt: new Date().toISOString() };
    this.#refuse(new OperatorError(`Redis refuses us: ${error.message}\n${REFUSED_ADVICE}`));
  };

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      timer.unref();
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

/** Numbers such as memory in use change all the time and mean the same. */
function sameMatter(a: Finding, b: Finding): boolean {
  return a.node === b.node && a.setting === b.setting && a.risk === b.risk;
}
