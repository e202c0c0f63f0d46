import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';

/** Encrypts what must not lie about in the clear: AES-256-GCM, under the first of its keys; opens what any of them has sealed. */
export interface Sealer {
  /** @param purpose what it is for, such as the key in Redis; it opens for the same purpose only */
  seal(plain: string, purpose: string): string;
  /** @throws Error for what was sealed under a key that is gone, for another purpose, or by nobody here */
  open(sealed: string, purpose: string): string;
}

const FORM = 'expected id:base64[,id:base64…], each 32 random bytes, as `openssl rand -base64 32` makes them';

/**
 * @param keys as in `HOLDFAST_ENCRYPTION_KEYS`
 * @throws TypeError that says what was expected, and shows nothing of the keys
 */
export function createSealer(keys: string): Sealer {
  const byId = new Map<string, Buffer>();
  for (const part of keys.split(',').map((each) => each.trim())) {
    const [, id = '', base64 = ''] = /^([A-Za-z0-9_-]{1,32}):([A-Za-z0-9+/_-]+={0,2})$/.exec(part) ?? [];
    const key = Buffer.from(base64, 'base64');
    if (id === '' || key.length !== 32) throw new TypeError(FORM);
    if (byId.has(id)) throw new TypeError(`the key id "${id}" is there twice`);
    byId.set(id, key);
  }
  const [first] = byId;
  if (!first) throw new TypeError(FORM);
  const [currentId, currentKey] = first;
  return {
    seal(plain, purpose) {
      const iv = randomBytes(12);
      const cipher = createCipheriv('aes-256-gcm', currentKey, iv).setAAD(aad(currentId, purpose));
      const bytes = Buffer.concat([cipher.update(plain, 'utf8'), cipher.final(), cipher.getAuthTag()]);
      return ['v1', currentId, iv.toString('base64url'), bytes.toString('base64url')].join('.');
    },
    open(sealed, purpose) {
      const [version, id = '', iv = '', body = ''] = sealed.split('.');
      const key = byId.get(id);
      if (version !== 'v1' || !key)
        throw new Error(
          `what is sealed for ${purpose} was sealed under a key that is not there (HOLDFAST_ENCRYPTION_KEYS)`,
        );
      const bytes = Buffer.from(body, 'base64url');
      const decipher = createDecipheriv('aes-256-gcm', key, Buffer.from(iv, 'base64url'), {
        authTagLength: 16,
      });
      decipher.setAAD(aad(id, purpose)).setAuthTag(bytes.subarray(-16));
      return Buffer.concat([decipher.update(bytes.subarray(0, -16)), decipher.final()]).toString('utf8');
    },
  };
}

function aad(id: string, purpose: string): Buffer {
  return Buffer.from(`${id}\n${purpose}`);
}
