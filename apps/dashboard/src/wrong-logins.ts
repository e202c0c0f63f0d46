import { setTimeout as delay } from 'node:timers/promises';
import { RateLimiterMemory } from 'rate-limiter-flexible';
import { DashboardProblem } from './problems.ts';

/** So many wrong passwords for a user from one address, and nobody logs in as that user from there for the rest of the time. */
export const MOST_WRONG = 10;
const LOCKED_S = 15 * 60;
/** A slip or two costs nothing; each one after that is answered later. */
const FREE = 2;
const DELAY_MS = { first: 100, most: 2_000 } as const;

/**
 * Wrong logins, by user and address: whoever guesses locks out neither the user elsewhere nor other users. Names that nobody has count
 * together. Kept in this process, so that a login does not depend on Redis.
 */
export class WrongLogins {
  readonly #limiter = new RateLimiterMemory({ points: MOST_WRONG, duration: LOCKED_S });

  /** @param user empty for a name that nobody has */
  of(user: string, address: string): string {
    return `${user}\n${address}`;
  }

  /** @throws DashboardProblem also for the right password: a lock that lets it in would tell it */
  async refuseLocked(who: string): Promise<void> {
    const seen = await this.#limiter.get(who);
    if (!seen || seen.consumedPoints < MOST_WRONG) return;
    const seconds = Math.ceil(seen.msBeforeNext / 1000);
    const detail = `${MOST_WRONG} failed logins from this address. Try again in ${Math.ceil(seconds / 60)} min.`;
    const problem = new DashboardProblem(429, 'login_locked', detail, { 'retry-after': String(seconds) });
    throw Object.assign(problem, { statusCode: 429 });
  }

  /** Takes longer the more there were. @returns how many */
  async note(who: string): Promise<number> {
    const { consumedPoints: wrong } = await this.#limiter.penalty(who);
    if (wrong > FREE) await delay(Math.min(DELAY_MS.first * 2 ** (wrong - FREE - 1), DELAY_MS.most));
    return wrong;
  }

  async forget(who: string): Promise<void> {
    await this.#limiter.delete(who);
  }
}
