import type { IncomingMessage } from 'node:http';
import { BlockList, isIP } from 'node:net';
import type { FastifyInstance, FastifyServerOptions } from 'fastify';
import forwardedParse from 'forwarded-parse';
import { z } from 'zod';
import type { Host } from './host.ts';

/** How a server is reached through a reverse proxy. */
export interface ProxySettings {
  /** The path below which clients reach it, as in `/ops`; empty when it is at the root. */
  readonly basePath: string;
  /** Addresses and CIDR networks whose `Forwarded` and `X-Forwarded-*` count. */
  readonly trustedProxies: readonly string[];
}

/** For a server that clients reach directly. */
export const NO_PROXY: ProxySettings = { basePath: '', trustedProxies: [] };

/** First segments of our own paths. Below such a path nobody could tell whether a proxy has stripped it. */
const OURS = new Set([
  ...['v1', 'docs', 'openapi.json', 'livez', 'readyz', 'metrics', 'assets', 'queues', 'runs', 'events'],
  ...['dead-letters', 'providers', 'logins', 'logout'],
]);

const basePath = z.string().transform((text, ctx) => {
  const path = text.replace(/\/+$/, '');
  const [, first = ''] = path.split('/');
  if (/^(\/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*$/.test(path) && !OURS.has(first)) return path;
  const message = OURS.has(first)
    ? `expected a path that does not begin with one of Holdfast's own (/${first})`
    : `expected a path such as /ops, got ${JSON.stringify(text)}`;
  ctx.addIssue({ code: 'custom', message });
  return z.NEVER;
});

const trustedProxies = z.string().transform((text, ctx) => {
  const entries = text.split(',').map((entry) => entry.trim());
  const wrong = entries.filter((entry) => !isAddressOrNetwork(entry));
  if (wrong.length === 0) return entries;
  const message = `expected IP addresses or CIDR networks, comma-separated, as in 10.0.0.0/8; got ${JSON.stringify(wrong[0])}`;
  ctx.addIssue({ code: 'custom', message });
  return z.NEVER;
});

function isAddressOrNetwork(text: string): boolean {
  const [address = '', bits, ...more] = text.split('/');
  const family = isIP(address);
  if (family === 0 || more.length > 0) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128));
}

/** The environment variables that say how a server is reached, for `readConfig`. */
export const proxyVariables = {
  HOLDFAST_BASE_PATH: basePath.default(''),
  HOLDFAST_TRUSTED_PROXIES: trustedProxies.default([]),
};

export function proxySettings(read: {
  readonly HOLDFAST_BASE_PATH: string;
  readonly HOLDFAST_TRUSTED_PROXIES: readonly string[];
}): ProxySettings {
  return { basePath: read.HOLDFAST_BASE_PATH, trustedProxies: read.HOLDFAST_TRUSTED_PROXIES };
}

/**
 * Options of a server behind a proxy: it answers below its base path whether or not the proxy strips it, and `request.ip`, `host` and
 * `protocol` are the client's as far as trusted proxies tell. RFC 7239's `Forwarded` is read where there is no `X-Forwarded-For`.
 * @param host the server that it is part of: that one decides by the path
 */
export function behindProxy(
  { basePath, trustedProxies }: ProxySettings,
  host?: Host,
): Pick<FastifyServerOptions, 'trustProxy' | 'rewriteUrl'> {
  const trustProxy = trustedProxies.length > 0 ? [...trustedProxies] : false;
  // the host routes by the URL, and gets back what is not for us
  if (host) return { trustProxy };
  return {
    trustProxy,
    rewriteUrl(this: FastifyInstance, request: IncomingMessage) {
      readForwarded(request);
      return withoutBase(request.url ?? '/', basePath);
    },
  };
}

/** Whether a peer is one of the proxies that are trusted. */
export function isTrustedProxy(trustedProxies: readonly string[]): (address: string | undefined) => boolean {
  const trusted = new BlockList();
  for (const entry of trustedProxies) {
    const [address = '', bits] = entry.split('/');
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
    if (bits === undefined) trusted.addAddress(address, family);
    else trusted.addSubnet(address, Number(bits), family);
  }
  return (address) => address !== undefined && trusted.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');
}

function withoutBase(url: string, basePath: string): string {
  if (basePath === '' || !url.startsWith(basePath)) return url;
  const rest = url.slice(basePath.length);
  if (rest === '' || rest.startsWith('?')) return `/${rest}`;
  return rest.startsWith('/') ? rest : url;
}

/** Fastify reads `X-Forwarded-*` alone, and only from peers that it trusts. */
function readForwarded({ headers }: IncomingMessage): void {
  if (headers.forwarded === undefined || headers['x-forwarded-for'] !== undefined) return;
  try {
    const hops = forwardedParse(headers.forwarded);
    const nearest = hops.at(-1);
    const clients = hops.map((hop) => addressOf(hop.for));
    // an address that is hidden ends the chain: what stands before it cannot be put in order
    const known = clients.slice(clients.lastIndexOf(undefined) + 1);
    if (known.length > 0) headers['x-forwarded-for'] = known.join(', ');
    if (nearest?.host) headers['x-forwarded-host'] = nearest.host;
    if (nearest?.proto) headers['x-forwarded-proto'] = nearest.proto;
  } catch {
    // it cannot be read, and tells nothing
  }
}

/** As in `192.0.2.1:47011` or `[2001:db8::1]:4711`. @returns undefined for a name that hides the address */
function addressOf(node: string | undefined): string | undefined {
  const address = /^\[(.+)\](?::\w+)?$/.exec(node ?? '')?.[1] ?? (node ?? '').replace(/:\d+$/, '');
  return isIP(address) === 0 ? undefined : address;
}
