import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Duplex } from 'node:stream';
import { isLocalHost } from './local-host.ts';

/** What a proxy answered that was asked for a tunnel. */
export class ProxyRefusedError extends Error {
  readonly code = 'proxy_refused';
  constructor(readonly status: number) {
    super(`the proxy answers ${status}`);
    this.name = 'ProxyRefusedError';
  }
}

/** The proxy was reached, or not, but gave no tunnel in time. */
export class ProxyTimeoutError extends Error {
  readonly code = 'UND_ERR_CONNECT_TIMEOUT';
  constructor(ms: number) {
    super(`the proxy gave no tunnel within ${ms} ms`);
    this.name = 'ProxyTimeoutError';
  }
}

/**
 * What the environment wants calls to an origin to go through: `HTTPS_PROXY` or `HTTP_PROXY`, by the origin's scheme, but for the hosts of
 * `NO_PROXY` (`*`, `host`, `.domain`, `*.domain`, each with a port or without). Never for this machine.
 */
export function proxyOf({ protocol, hostname, port }: URL, env: NodeJS.ProcessEnv = process.env) {
  if (isLocalHost(hostname)) return undefined;
  const proxy =
    protocol === 'https:' ? (env.https_proxy ?? env.HTTPS_PROXY) : (env.http_proxy ?? env.HTTP_PROXY);
  if (!proxy) return undefined;
  const at = port === '' ? (protocol === 'https:' ? '443' : '80') : port;
  const spared = (env.no_proxy ?? env.NO_PROXY ?? '').split(/[\s,]+/).some((entry) => {
    const [, host = '', only] = /^(.*?)(?::(\d+))?$/.exec(entry.toLowerCase()) ?? [];
    if (only !== undefined && only !== at) return false;
    const domain = host.replace(/^\*(?=\.)/, '');
    return host === '*' || (domain.startsWith('.') ? hostname.endsWith(domain) : hostname === domain);
  });
  return spared ? undefined : proxy;
}

/**
 * Opens a tunnel to a host through a proxy. All of it, with the proxy's answer, is bounded in time: a proxy that takes a connection and says
 * nothing would hold up a call for good.
 * @param proxy `http://[user:password@]host:port`, or https
 * @throws {ProxyRefusedError} @throws {ProxyTimeoutError}
 */
export function openTunnel(proxy: URL, target: string, timeoutMs: number): Promise<Duplex> {
  const { protocol, hostname, port, username, password } = proxy;
  const login = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  const request = (protocol === 'https:' ? httpsRequest : httpRequest)({
    ...{ host: hostname.replace(/^\[(.*)\]$/, '$1'), method: 'CONNECT', path: target, agent: false },
    ...(port !== '' && { port }),
    headers: {
      host: target,
      ...(username !== '' && { 'proxy-authorization': `Basic ${Buffer.from(login).toString('base64')}` }),
    },
  });
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => request.destroy(new ProxyTimeoutError(timeoutMs)), timeoutMs);
    const settle = (act: () => void) => {
      clearTimeout(timer);
      act();
    };
    request.once('error', (error) => settle(() => reject(error)));
    request.once('connect', ({ statusCode = 0 }, socket, head) =>
      settle(() => {
        if (statusCode >= 200 && statusCode < 300) {
          if (head.length > 0) socket.unshift(head);
          return resolve(socket);
        }
        socket.destroy();
        reject(new ProxyRefusedError(statusCode));
      }),
    );
    // an answer that opens no tunnel may come as one to any request
    request.once('response', ({ statusCode = 0 }) =>
      settle(() => {
        request.destroy();
        reject(new ProxyRefusedError(statusCode));
      }),
    );
    request.end();
  });
}
