import type { SecurityAction } from '@holdfast/operations';
import type { FastifyBaseLogger } from 'fastify';
import type { Operator } from './plugins/login.ts';

/** HTTP basic logs in with every request: it is noted once in this time for a user and an address. */
const LOGIN_HOLDS_MS = 12 * 60 * 60 * 1_000;
const REMEMBERED = 10_000;

/** Notes who logs in, out, and is locked out. No login waits for it or fails with it. */
export class SecurityLog {
  readonly #seen = new Map<string, number>();

  constructor(
    private readonly write: (
      action: SecurityAction,
      user: string,
      detail: { readonly address: string },
    ) => Promise<void>,
    private readonly log: FastifyBaseLogger,
  ) {}

  loggedIn({ user, by }: Operator, address: string): void {
    const who = keyOf(user, address);
    const now = Date.now();
    if (now - (this.#seen.get(who) ?? Number.NEGATIVE_INFINITY) < LOGIN_HOLDS_MS) return;
    if (this.#seen.size >= REMEMBERED) this.#seen.clear();
    this.#seen.set(who, now);
    this.log.info({ user, address, by }, 'logged in');
    this.#note('log_in', user, address);
  }

  loggedOut({ user }: Operator, address: string): void {
    this.#seen.delete(keyOf(user, address));
    this.log.info({ user, address }, 'logged out');
    this.#note('log_out', user, address);
  }

  /** @param user undefined for names that nobody has */
  lockedOut(user: string | undefined, address: string): void {
    this.log.warn({ user, address }, 'locked out after too many failed logins');
    this.#note('lock_out', user ?? '(unknown user)', address);
  }

  #note(action: SecurityAction, user: string, address: string): void {
    this.write(action, user, { address }).catch((error: unknown) =>
      this.log.warn({ err: error, action, user, address }, 'a login could not be written to the audit log'),
    );
  }
}

function keyOf(user: string, address: string): string {
  return `${user}\n${address}`;
}
