import { domainToASCII } from 'node:url';

export interface Mailbox {
  /** With its domain in ASCII form (RFC 5891), as it goes on the wire. */
  readonly address: string;
  readonly domain: string;
}

/** RFC 5322's atoms; beyond ASCII (RFC 6531) as well. */
const LOCAL = /^[\p{L}\p{N}\p{M}!#$%&'*+/=?^_`{|}~-]+(\.[\p{L}\p{N}\p{M}!#$%&'*+/=?^_`{|}~-]+)*$/u;
const DOMAIN = /^(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/i;

/** One bare address, with nothing in it that a header or an SMTP command would read as more than that. */
export function readMailbox(text: string): Mailbox | { readonly fault: string } {
  const at = text.lastIndexOf('@');
  const local = text.slice(0, Math.max(0, at));
  if (at < 1) return { fault: 'it has no "@" between name and domain' };
  if (local.startsWith('"')) return { fault: 'names in quotation marks are not supported' };
  if (!LOCAL.test(local) || Buffer.byteLength(local) > 64)
    return { fault: 'its name holds what a name cannot hold' };
  const domain = domainToASCII(text.slice(at + 1));
  if (!DOMAIN.test(domain)) return { fault: 'its domain is none' };
  return { address: `${local}@${domain}`, domain };
}
