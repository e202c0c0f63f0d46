/** One Redis, one master behind sentinels, or the nodes of a cluster. Each is as in `HOLDFAST_REDIS_URL`. */
export type RedisUrls = readonly [string, ...string[]];

const FORMS =
  'expected redis://host:port, rediss://host:port, redis+sentinel://host:port,host:port/master or unix:///path (several of the first two, ' +
  'comma-separated, for a cluster)';

/** Where a master is that sentinels watch over. */
export interface Watched {
  readonly sentinels: readonly { readonly host: string; readonly port: number }[];
  readonly master: string;
  readonly tls: boolean;
  readonly user: string | undefined;
  readonly password: string | undefined;
  readonly sentinelUser: string | undefined;
  readonly sentinelPassword: string | undefined;
}

/**
 * @param text as in `HOLDFAST_REDIS_URL`
 * @returns its URLs; several for a cluster
 * @throws TypeError that says what was expected, and holds nothing of the text
 */
export function redisUrlsOf(text: string): RedisUrls {
  if (/\p{Cc}|[^,\s]\s+[^,\s]/u.test(text))
    throw new TypeError(`${FORMS}, without spaces or control characters`);
  if (isSentinel(text.trim())) {
    watchedBy(text.trim());
    return [text.trim()];
  }
  const urls = text.split(',').map((part) => part.trim());
  const [first, ...more] = urls;
  if (first !== undefined && more.length === 0 && isSocket(first)) {
    if (socketOf(first).path === '')
      throw new TypeError('expected unix:///path: the path of the socket is missing');
    return [first];
  }
  if (first === undefined || !urls.every(isTcp)) throw new TypeError(whyNot(text));
  return [first, ...more];
}

/** A password that stands in a URL as it is, such as one with a `/` or `#` in it, is the usual reason. */
function whyNot(text: string): string {
  return text.includes('@') ? `${FORMS}; percent-encode what is special in user and password` : FORMS;
}

function isTcp(url: string): boolean {
  if (!URL.canParse(url)) return false;
  const { protocol, hostname } = new URL(url);
  return (protocol === 'redis:' || protocol === 'rediss:') && hostname !== '';
}

export function isSentinel(url: string): boolean {
  return /^rediss?\+sentinel:\/\//.test(url);
}

export function isSocket(url: string): boolean {
  return url.startsWith('unix://');
}

/** @param url `redis+sentinel://[user:password@]host[:port][,host[:port]…]/master[?sentinelUser=…&sentinelPassword=…]` */
export function watchedBy(url: string): Watched {
  const parts = /^(rediss?)\+sentinel:\/\/(?:([^@/]*)@)?([^/?#]+)\/([^/?#]+)(?:\?([^#]*))?$/.exec(url);
  const [, scheme, login = '', hosts = '', master = '', query = ''] = parts ?? [];
  const sentinels = hosts
    .split(',')
    .map((host) => (URL.canParse(`x://${host}`) ? new URL(`x://${host}`) : undefined));
  if (!parts || sentinels.some((host) => !host?.hostname || host.pathname !== ''))
    throw new TypeError(whyNot(url));
  const [user, password] = loginOf(login);
  const asked = new URLSearchParams(query);
  return {
    sentinels: sentinels.map((host) => ({
      host: (host?.hostname ?? '').replace(/^\[|\]$/g, ''),
      port: Number(host?.port || 26_379),
    })),
    master: decodeURIComponent(master),
    tls: scheme === 'rediss',
    user,
    password,
    sentinelUser: asked.get('sentinelUser') ?? undefined,
    sentinelPassword: asked.get('sentinelPassword') ?? undefined,
  };
}

/** @param url `unix://[user:password@]/path[?db=n]` */
export function socketOf(url: string): {
  readonly path: string;
  readonly user: string | undefined;
  readonly password: string | undefined;
  readonly db: number;
} {
  const [, login = '', path = '', query = ''] =
    /^unix:\/\/(?:([^@/]*)@)?(\/[^?#]*)(?:\?([^#]*))?$/.exec(url) ?? [];
  const [user, password] = loginOf(login);
  return {
    path: decodeURIComponent(path),
    user,
    password,
    db: Number(new URLSearchParams(query).get('db') ?? 0),
  };
}

function loginOf(login: string): [string | undefined, string | undefined] {
  const at = login.indexOf(':');
  const [user, password] = at < 0 ? ['', login] : [login.slice(0, at), login.slice(at + 1)];
  return [decodeURIComponent(user) || undefined, decodeURIComponent(password) || undefined];
}
