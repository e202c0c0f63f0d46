import { createHash } from 'node:crypto';
import type { Part } from './request.ts';

/**
 * A multipart form (RFC 7578). Its boundary follows from its content: the same form is the same bytes each time, as a key wants it.
 * @throws TypeError for a name or type that cannot stand in a header
 */
export function multipart(parts: readonly Part[]): {
  readonly contentType: string;
  readonly body: Uint8Array;
} {
  const hash = createHash('sha256');
  for (const { name, content } of parts) hash.update(`${name.length}:${name}`).update(content);
  const boundary = `holdfast-${hash.digest('hex').slice(0, 40)}`;
  const chunks = parts.flatMap(({ name, content, filename, type }) => {
    const file = filename === undefined ? '' : `; filename="${quoted(filename)}"`;
    const kind = type ?? (filename === undefined ? undefined : 'application/octet-stream');
    const head = [
      `--${boundary}`,
      `Content-Disposition: form-data; name="${quoted(name)}"${file}`,
      ...(kind === undefined ? [] : [`Content-Type: ${checked(kind)}`]),
    ];
    return [Buffer.from(`${head.join('\r\n')}\r\n\r\n`), Buffer.from(content), Buffer.from('\r\n')];
  });
  const body = Buffer.concat([...chunks, Buffer.from(`--${boundary}--\r\n`)]);
  return { contentType: `multipart/form-data; boundary=${boundary}`, body };
}

/** As browsers write names into the header. */
function quoted(name: string): string {
  return name.replaceAll('"', '%22').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}

function checked(type: string): string {
  if (/^[\x20-\x7e]+$/.test(type)) return type;
  throw new TypeError(`the content type ${JSON.stringify(type)} cannot stand in a header`);
}
