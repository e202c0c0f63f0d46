import ipaddr from 'ipaddr.js';

type Address = ipaddr.IPv4 | ipaddr.IPv6;

/** Addresses that may be reached in spite of the rules, by http as well and on any port. */
export interface AllowList {
  /** @param address as a resolver gives it; an IPv4 address mapped into IPv6 counts only where the list has it in that form */
  has(address: string): boolean;
}

/**
 * @param text addresses and CIDR networks, comma-separated; empty allows nothing
 * @throws TypeError naming the entry that is neither
 */
export function readAllowList(text: string): AllowList {
  const networks = text
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '')
    .map(readNetwork);
  return {
    has(text) {
      const address = parse(text);
      return (
        address !== undefined &&
        networks.some(([network, bits]) => network.kind() === address.kind() && address.match(network, bits))
      );
    },
  };
}

function readNetwork(entry: string): [Address, number] {
  const [text = '', bits, ...more] = entry.split('/');
  const address = parse(text);
  const longest = address?.kind() === 'ipv4' ? 32 : 128;
  const fits = bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= longest);
  if (!address || !fits || more.length > 0)
    throw new TypeError(`expected addresses and networks such as 10.0.0.5 or 10.0.0.0/8, got "${entry}"`);
  return [address, bits === undefined ? longest : Number(bits)];
}

/** @returns undefined for what is no address in its usual form: four decimal numbers, or IPv6 */
export function parse(text: string): Address | undefined {
  if (ipaddr.IPv4.isValidFourPartDecimal(text)) return ipaddr.IPv4.parse(text);
  return ipaddr.IPv6.isValid(text) ? ipaddr.IPv6.parse(text) : undefined;
}
