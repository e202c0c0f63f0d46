import ipaddr from 'ipaddr.js';
import { parse } from './allow-list.ts';

/** What ipaddr.js calls unicast although it leads inside: Azure's platform services, reached from every virtual machine there. */
const INSIDE_V4 = [ipaddr.parseCIDR('168.63.129.16/32')];

/** The only IPv6 space that is given out for public use; everything else is special or free. */
const PUBLIC_V6 = ipaddr.IPv6.parseCIDR('2000::/3');
/** In it, but special: protocol assignments and documentation. */
const SPECIAL_V6 = [ipaddr.IPv6.parseCIDR('2001::/23'), ipaddr.IPv6.parseCIDR('3fff::/20')];

/**
 * Why an address is not on the public internet.
 * @param text as a resolver gives it
 * @returns undefined for a public one
 */
export function whyNotPublic(text: string): string | undefined {
  const address = parse(text);
  if (!address) return 'it is not an IP address';
  const range = address.range();
  if (range !== 'unicast') return `it is special (${range})`;
  if (address instanceof ipaddr.IPv4)
    return INSIDE_V4.some((network) => address.match(network))
      ? "it belongs to a cloud provider's platform"
      : undefined;
  return !address.match(PUBLIC_V6) || SPECIAL_V6.some((network) => address.match(network))
    ? 'it is not public IPv6 space'
    : undefined;
}
