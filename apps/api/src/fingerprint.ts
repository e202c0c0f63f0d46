import { createHash } from 'node:crypto';
import canonicalize from 'canonicalize';

/**
 * Equal for two requests that mean the same: same method, same path, same JSON, whatever its member order and spacing (RFC 8785).
 * @param path the route with its parameters filled in
 * @param body parsed JSON
 */
export function fingerprintOf(method: string, path: string, body: unknown): string {
  return createHash('sha256')
    .update(`${method} ${path}\n${canonicalize(body)}`)
    .digest('hex');
}
