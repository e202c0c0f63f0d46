import type { ResponseHeaders } from './outcome.ts';

export type ReadJson = { readonly value: unknown } | { readonly fault: string; readonly message: string };

/** How a body is wanted: parsed, as text (XML, CSV …), or as it came. A page (HTML) is the answer of somebody else unless `html` asks for it. */
export type Expected = 'json' | 'text' | 'html' | 'bytes';

/** @returns `undefined` as the value when there is no body. */
export function readValueAs(expected: Expected, headers: ResponseHeaders, bytes: Buffer): ReadJson {
  if (expected === 'json') return readJson(headers, bytes);
  if (bytes.length === 0) return { value: undefined };
  return { value: expected === 'bytes' ? bytes : readText(bytes) };
}

/** @returns `undefined` as the value when there is no body. */
export function readJson(headers: ResponseHeaders, bytes: Buffer): ReadJson {
  if (bytes.length === 0) return { value: undefined };
  const type = headers['content-type'] ?? '';
  if (!isJson(type)) {
    return { fault: 'response_wrong_type', message: `its content type is "${type.slice(0, 100)}", not JSON` };
  }
  try {
    return { value: JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) };
  } catch {
    return { fault: 'response_not_json', message: 'its body cannot be parsed as JSON' };
  }
}

/** For people: whatever the bytes are, as text. */
export function readText(bytes: Buffer): string {
  return new TextDecoder().decode(bytes);
}

function isJson(contentType: string): boolean {
  const mediaType = contentType.split(';', 1)[0]?.trim().toLowerCase() ?? '';
  return mediaType === 'application/json' || /^application\/[\w.-]+\+json$/.test(mediaType);
}
