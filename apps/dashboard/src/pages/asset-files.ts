import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

const TYPES = { css: 'text/css; charset=utf-8', js: 'text/javascript; charset=utf-8' } as const;

export interface Asset {
  readonly path: string;
  readonly type: string;
  readonly body: Buffer;
}

/** A file's path holds a hash of what is in it, so that browsers may keep it. */
function load(name: string, kind: keyof typeof TYPES): Asset {
  const body = readFileSync(new URL(`../../src/assets/${name}.${kind}`, import.meta.url));
  const hash = createHash('sha256').update(body).digest('hex').slice(0, 12);
  return { path: `/assets/${name}-${hash}.${kind}`, type: TYPES[kind], body };
}

export const STYLE = load('pages', 'css');
export const SCRIPT = load('pages', 'js');
export const ICON: Asset = {
  path: '/assets/icon.svg',
  type: 'image/svg+xml',
  body: Buffer.from(
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><rect width="16" height="16" rx="3" fill="#1a7f4b"/><path d="M4 3h2.5v3.6h3V3H12v10H9.5V9h-3v4H4z" fill="#fff"/></svg>',
  ),
};
