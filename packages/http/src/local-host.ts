/**
 * Whether a host is this machine, or a bare name that only a private network can resolve (as between containers): where plain
 * http and SMTP without TLS show credentials to nobody outside.
 */
export function isLocalHost(hostname: string): boolean {
  const host = hostname.replace(/^\[(.*)\]$/, '$1').toLowerCase();
  if (host === '::1' || /^127(\.\d{1,3}){3}$/.test(host)) return true;
  return /^[a-z][a-z0-9-]*$/.test(host) || host.endsWith('.localhost');
}
