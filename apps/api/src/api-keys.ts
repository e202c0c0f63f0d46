import { createHash, timingSafeEqual } from 'node:crypto';

export type Scope = 'submit' | 'read' | 'operate';

/** Whom a key stands for. */
export interface Principal {
  readonly tenant: string;
  readonly scopes: ReadonlySet<Scope>;
}

/** Where API keys are looked up. */
export interface ApiKeys {
  /** @returns undefined when no such key exists. */
  find(key: string): Promise<Principal | undefined>;
}

/** One key with every scope for the tenant `dev`, held as its SHA-256 and compared in constant time. */
export function devKey(key: string): ApiKeys {
  const known = sha256(key);
  const principal: Principal = { tenant: 'dev', scopes: new Set(['submit', 'read', 'operate']) };
  return {
    find: async (candidate) => (timingSafeEqual(known, sha256(candidate)) ? principal : undefined),
  };
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
