import type { IncomingMessage } from 'node:http';
import type { Scope } from '@holdfast/operations';

/** Whom a request comes from, and what they may do. */
export interface Caller {
  /** 1 to 63 lower-case letters, digits, `_` or `-`. */
  readonly tenant: string;
  readonly scopes: readonly Scope[];
  /** For logs and the audit log, such as a user's name. Default: `caller`. */
  readonly name?: string;
}

/**
 * Says whom a request comes from, in place of Holdfast's API keys. It must not read the body. What it throws, or a caller that does not fit,
 * is answered with 500.
 * @returns undefined: the request is refused with 401
 */
export type Authenticate = (request: IncomingMessage) => Caller | undefined | Promise<Caller | undefined>;
