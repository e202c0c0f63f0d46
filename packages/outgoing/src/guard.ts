import { lookup } from 'node:dns/promises';
import { isIP, type LookupFunction } from 'node:net';
import { Agent, buildConnector } from 'undici';
import type { AllowList } from './allow-list.ts';
import { bareHost, parseEndpointUrl, whyOnlyAllowed } from './endpoint-url.ts';
import { whyNotPublic } from './public-address.ts';
import { EndpointRefusedError } from './refusal.ts';

export interface ResolvedAddress {
  readonly address: string;
  readonly family: number;
}

/** Rejects, or gives nothing, for a name that has no address. */
export type Resolve = (hostname: string) => Promise<readonly ResolvedAddress[]>;

export interface GuardOptions {
  readonly allow: AllowList;
  /** Default: the system's resolver, `/etc/hosts` included. */
  readonly resolve?: Resolve;
  /** Passed on to TLS, for endpoints whose certificate an own authority has issued. Default: Node's authorities. */
  readonly ca?: string;
  /** Until a connection stands, in milliseconds. Default: 10 s. */
  readonly connectTimeoutMs?: number;
}

/** Keeps requests to URLs that tenants choose away from what only this machine can reach (SSRF). */
export interface EndpointGuard {
  /**
   * Whether a URL may be saved as an endpoint. A name that does not resolve now is accepted: it is checked again at each connect.
   * @returns the URL in its normal form
   * @throws EndpointRefusedError
   */
  check(url: string): Promise<string>;
  /**
   * Sends requests only to addresses that may be reached: each is checked after it was resolved, and that very address is connected to, so a
   * name that changes its address in between gains nothing. Refused connections fail with EndpointRefusedError. Follows no redirects.
   */
  readonly agent: Agent;
  /** Closes the agent's connections. */
  close(): Promise<void>;
}

export function createEndpointGuard({
  allow,
  resolve = (hostname) => lookup(hostname, { all: true, verbatim: true }),
  ca,
  connectTimeoutMs = 10_000,
}: GuardOptions): EndpointGuard {
  /** @param onlyAllowed why public addresses are out; undefined when they are not */
  const assertReachable = (address: string, onlyAllowed: string | undefined): void => {
    if (allow.has(address)) return;
    if (onlyAllowed !== undefined) throw new EndpointRefusedError(onlyAllowed);
    const why = whyNotPublic(address);
    if (why !== undefined)
      throw new EndpointRefusedError(`The address ${address} cannot be reached by webhooks: ${why}.`);
  };

  /** One refused address refuses the name: which of them is connected to is up to chance. */
  const resolveReachable = async (
    hostname: string,
    onlyAllowed: string | undefined,
  ): Promise<readonly ResolvedAddress[]> => {
    const found = await resolve(hostname);
    for (const { address } of found) assertReachable(address, onlyAllowed);
    return found;
  };

  const connectorFor = (onlyAllowed: string | undefined) =>
    buildConnector({
      ...(ca !== undefined && { ca }),
      timeout: connectTimeoutMs,
      lookup: lookupBy((hostname) => resolveReachable(hostname, onlyAllowed)),
    });
  const toPublic = connectorFor(undefined);
  const toAllowed = connectorFor('Only addresses that the operator allows can be reached so.');

  const agent = new Agent({
    connect(options, callback) {
      const onlyAllowed = whyOnlyAllowed(options.protocol, options.port);
      const host = bareHost(options.hostname);
      try {
        // Node looks nothing up that is an address already
        if (isIP(host) !== 0) assertReachable(host, onlyAllowed);
      } catch (error) {
        callback(asError(error), null);
        return;
      }
      const connect = onlyAllowed === undefined ? toPublic : toAllowed;
      connect(options, callback);
    },
  });

  return {
    agent,
    close: () => agent.close(),
    async check(text) {
      const url = parseEndpointUrl(text);
      const host = bareHost(url.hostname);
      const onlyAllowed = whyOnlyAllowed(url.protocol, url.port);
      if (isIP(host) !== 0) {
        assertReachable(host, onlyAllowed);
        return url.href;
      }
      let known: readonly ResolvedAddress[];
      try {
        known = await resolveReachable(host, onlyAllowed);
      } catch (error) {
        if (error instanceof EndpointRefusedError) throw error;
        known = [];
      }
      if (known.length === 0 && onlyAllowed !== undefined) throw new EndpointRefusedError(onlyAllowed);
      return url.href;
    },
  };
}

/** Node's callback form; asked for one address, it gives the first. */
function lookupBy(resolve: Resolve): LookupFunction {
  return (hostname, options, callback) => {
    resolve(hostname).then(
      (found) => {
        const wanted = found.filter(({ family }) => !options.family || options.family === family);
        const [first] = wanted;
        if (!first) callback(noAddress(hostname), '', 0);
        else if (options.all) callback(null, [...wanted]);
        else callback(null, first.address, first.family);
      },
      (error: unknown) => callback(asError(error), '', 0),
    );
  };
}

function noAddress(hostname: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`getaddrinfo ENOTFOUND ${hostname}`), { code: 'ENOTFOUND', hostname });
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
