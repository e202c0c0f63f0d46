import { brotliDecompressSync, gunzipSync, inflateRawSync, inflateSync } from 'node:zlib';
import type { ReceivedBody } from './exchange.ts';
import { BrokenOffError } from './exchange.ts';
import type { ResponseHeaders } from './outcome.ts';

type Decode = (bytes: Buffer, limits: { readonly maxOutputLength: number }) => Buffer;

const DECODERS: Readonly<Record<string, Decode>> = {
  gzip: gunzipSync,
  'x-gzip': gunzipSync,
  br: brotliDecompressSync,
  // with zlib's frame, as the standard has it, or without, as some servers send it
  deflate: (bytes, limits) =>
    ((bytes[0] ?? 0) & 0x0f) === 8 ? inflateSync(bytes, limits) : inflateRawSync(bytes, limits),
};

/**
 * The body as it was meant. We ask for it as it is (`Accept-Encoding: identity`); a server or proxy may compress it all the same.
 * @param maxBytes of what comes out: a small body can stand for a large one
 */
export function decodeBody(headers: ResponseHeaders, bytes: Buffer, maxBytes: number): ReceivedBody {
  const encodings = (headers['content-encoding'] ?? '')
    .split(',')
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== '' && name !== 'identity');
  let decoded = bytes;
  try {
    for (const name of encodings.toReversed()) {
      const decode = Object.hasOwn(DECODERS, name) ? DECODERS[name] : undefined;
      if (!decode)
        return { whole: false, bytes: decoded, error: new BrokenOffError('response_encoding_unknown') };
      if (decoded.length > 0) decoded = decode(decoded, { maxOutputLength: maxBytes });
    }
    return { whole: true, bytes: decoded };
  } catch (error) {
    const large = error instanceof RangeError && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE';
    const code = large ? 'response_too_large' : 'response_malformed';
    return { whole: false, bytes: NOTHING, error: new BrokenOffError(code, { cause: error }) };
  }
}

const NOTHING = Buffer.alloc(0);
