import { createHash, timingSafeEqual } from 'node:crypto';
import { StoreUnavailableError } from '@holdfast/engine';
import { type ApiKeys, SCOPES, type Scope } from '@holdfast/operations';

export type { Scope };

/** Whom a key stands for. */
export interface Principal {
  readonly tenant: string;
  /** The key's, for the audit log. */
  readonly name: string;
  readonly scopes: ReadonlySet<Scope>;
  /** Of a stored key. */
  readonly keyId?: string;
  /** Unix milliseconds; absent when it holds until it is revoked. */
  readonly expiresAt?: number | undefined;
}

/** Where a key that a caller shows is looked up. */
export interface KeyLookup {
  /** @returns undefined when it is not known, revoked or expired. @throws StoreUnavailableError when that cannot be told */
  find(key: string): Promise<Principal | undefined>;
}

/** A look-up comes before the request's own work, and both must fit into the time in which a client has its 503. */
const LOOK_UP_WITHIN_MS = 400;

/**
 * The key of the configuration first, which needs no Redis; then those in Redis.
 * @param devKey the configured key at the moment
 */
export function keyLookup(devKey: () => string | undefined, stored: Pick<ApiKeys, 'find'>): KeyLookup {
  const dev = (key: string) => {
    const configured = devKey();
    return configured === undefined ? undefined : configuredKey(configured)(key);
  };
  return {
    async find(key) {
      const known = dev(key);
      if (known) return known;
      const found = await soon(stored.find(key));
      if (!found) return undefined;
      const { tenant, name, scopes, id: keyId, expiresAt } = found;
      return { tenant, name, scopes: new Set(scopes), keyId, expiresAt };
    },
  };
}

/** One key with every scope for the tenant `dev`, held as its SHA-256 and compared in constant time. */
function configuredKey(key: string): (candidate: string) => Principal | undefined {
  const known = sha256(key);
  const principal: Principal = { tenant: 'dev', name: 'HOLDFAST_DEV_KEY', scopes: new Set(SCOPES) };
  return (candidate) => (timingSafeEqual(known, sha256(candidate)) ? principal : undefined);
}

function soon<T>(answer: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new StoreUnavailableError(`redis did not answer within ${LOOK_UP_WITHIN_MS} ms`, undefined));
    }, LOOK_UP_WITHIN_MS);
    answer.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
