import type { Socket } from 'node:net';

const NOTHING = Buffer.alloc(0);

/**
 * Takes a `100 Continue` that nobody asked for out of what a socket reads: some gateways send one, HTTP allows it (RFC 9110, 15.2), and
 * undici breaks the connection, which would leave the request in doubt. All other bytes are left as they are.
 */
export function skipContinue(socket: Socket): void {
  const read = socket.read.bind(socket);
  const write = socket.write.bind(socket) as (...args: unknown[]) => boolean;
  /** A head is to come: a request was written since the last one. Some gateways send theirs before the first request. */
  let expectsHead = true;
  let held: Buffer = NOTHING;

  socket.write = ((...args: unknown[]) => {
    expectsHead = true;
    return write(...args);
  }) as Socket['write'];

  socket.read = (size?: number) => {
    const chunk: unknown = read(size);
    if (!expectsHead || !Buffer.isBuffer(chunk)) return chunk;
    let bytes = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
    held = NOTHING;
    for (;;) {
      const end = endOfContinue(bytes);
      if (end === 'none') {
        expectsHead = false;
        return bytes;
      }
      if (end === 'incomplete') {
        held = bytes;
        return null;
      }
      bytes = bytes.subarray(end);
      if (bytes.length === 0) return null;
    }
  };
}

const HEAD = /^HTTP\/1\.[01] 100[ \r]/;
const LONGEST_HEAD = 8_192;

/** @returns where an interim head at the beginning ends */
function endOfContinue(bytes: Buffer): number | 'none' | 'incomplete' {
  const start = bytes.subarray(0, 13).toString('latin1');
  if (!HEAD.test(start))
    return 'HTTP/1.1 100 '.startsWith(start) || 'HTTP/1.0 100 '.startsWith(start) ? 'incomplete' : 'none';
  const end = bytes.indexOf('\r\n\r\n');
  if (end >= 0) return end + 4;
  return bytes.length > LONGEST_HEAD ? 'none' : 'incomplete';
}
