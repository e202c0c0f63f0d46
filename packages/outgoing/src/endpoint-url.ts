import { EndpointRefusedError } from './refusal.ts';

/** Longer ones are refused: what is stored and shown for an endpoint is bounded. */
const MAX_URL_LENGTH = 2_048;

/**
 * Above 1023, where databases, caches, brokers and container engines listen by default. Most of them do something with a request that
 * they do not understand.
 */
const REFUSED_PORTS: ReadonlySet<number> = new Set([
  ...[1433, 1521, 3306, 5432, 5984, 6432, 7000, 7001, 7474, 7687, 8086, 8123, 8529, 9000, 9042, 26257, 28015],
  ...[27017, 27018, 27019, 33060, 50000],
  ...[6379, 6380, 6390, 11211, 16379, 26379],
  ...[1883, 2181, 4222, 5671, 5672, 6222, 8222, 8883, 9092, 9093, 9094, 15672, 25672, 61613, 61616],
  ...[2375, 2376, 2377, 2379, 2380, 4243, 4646, 6443, 8300, 8301, 8500, 8600, 9200, 9300],
  ...[10250, 10255, 10256],
]);

/**
 * An endpoint's URL, taken apart as the WHATWG standard does, so that `0x7f.1` and `2130706433` are seen as the addresses that they are.
 * @throws EndpointRefusedError for what can be no endpoint, whatever its address
 */
export function parseEndpointUrl(text: string): URL {
  if (text.length > MAX_URL_LENGTH)
    throw new EndpointRefusedError(`The URL is longer than ${MAX_URL_LENGTH} characters.`);
  // the URL parser drops these silently, so that what is shown is not what is called
  if (/[\p{C}\s\\]/u.test(text))
    throw new EndpointRefusedError('The URL has spaces, backslashes or invisible characters. Remove them.');
  if (!URL.canParse(text)) throw new EndpointRefusedError('The URL cannot be parsed.');
  const url = new URL(text);
  if (url.protocol !== 'https:' && url.protocol !== 'http:')
    throw new EndpointRefusedError(`The URL begins with "${url.protocol}". Use https.`);
  if (url.username !== '' || url.password !== '' || /^[a-z]+:\/*[^/?#]*@/i.test(text))
    throw new EndpointRefusedError('The URL has a user name or password. Verify the signature instead.');
  if (url.hash !== '')
    throw new EndpointRefusedError('The URL has a fragment (#…), which is never sent. Remove it.');
  return url;
}

/**
 * Why only an allowed address may be reached by this protocol and port.
 * @returns undefined when any public one may
 */
export function whyOnlyAllowed(protocol: string, port: string): string | undefined {
  if (protocol !== 'https:') return 'Only https is allowed.';
  const number = port === '' ? 443 : Number(port);
  if (number === 443 || (number >= 1024 && !REFUSED_PORTS.has(number))) return undefined;
  return `Port ${number} is not allowed. Use 443, or a port above 1023 that no common database, broker or container engine uses.`;
}

/** The host without the brackets around an IPv6 address. */
export function bareHost(hostname: string): string {
  return hostname.startsWith('[') && hostname.endsWith(']') ? hostname.slice(1, -1) : hostname;
}
