/**
 * Whether a host is this machine, where plain http and SMTP without TLS show credentials to nobody.
 * @param others that count as well: names in a network that nobody else is on, as between containers
 */
export function isLocalHost(hostname: string, others: readonly string[] = []): boolean {
  const host = hostname.replace(/^\[(.*)\]$/, '$1').toLowerCase();
  if (host === '::1' || /^127(\.\d{1,3}){3}$/.test(host)) return true;
  return host === 'localhost' || host.endsWith('.localhost') || others.includes(host);
}
