import { createHash, createHmac, randomBytes, scrypt, timingSafeEqual } from 'node:crypto';

/** `admin` sees and does everything; `viewer` changes nothing and sees no payload. */
export type Role = 'admin' | 'viewer';

export interface Account {
  readonly user: string;
  readonly role: Role;
  /** Who has neither this nor `scrypt` comes through a proxy that logs people in. */
  readonly password?: string;
  readonly scrypt?: ScryptHash;
}

export interface ScryptHash {
  readonly logN: number;
  readonly r: number;
  readonly p: number;
  readonly salt: Buffer;
  readonly hash: Buffer;
}

const PHC =
  /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]{11,86})\$([A-Za-z0-9+/]{43,86})$/;
/** Up to 128 MiB for one try. */
const MAX_MEMORY_BYTES = 128 * 1024 * 1024;

/** @returns undefined for what is no scrypt hash in PHC form, or one that would cost too much */
export function parseScrypt(text: string): ScryptHash | undefined {
  const [, ln = '', r = '', p = '', salt = '', hash = ''] = PHC.exec(text) ?? [];
  if (hash === '') return undefined;
  const cost = { logN: Number(ln), r: Number(r), p: Number(p) };
  if (cost.logN < 12 || cost.r < 1 || cost.p < 1 || 128 * 2 ** cost.logN * cost.r > MAX_MEMORY_BYTES / 2)
    return undefined;
  return { ...cost, salt: Buffer.from(salt, 'base64'), hash: Buffer.from(hash, 'base64') };
}

/** A password as `HOLDFAST_DASHBOARD_LOGINS` takes it: scrypt in PHC form. */
export async function hashPassword(password: string): Promise<string> {
  const cost = { logN: 15, r: 8, p: 1 };
  const salt = randomBytes(16);
  const hash = await derive(password, { ...cost, salt, hash: Buffer.alloc(32) });
  const text = (bytes: Buffer) => bytes.toString('base64').replace(/=+$/, '');
  return `$scrypt$ln=${cost.logN},r=${cost.r},p=${cost.p}$${text(salt)}$${text(hash)}`;
}

function derive(password: string, { logN, r, p, salt, hash }: ScryptHash): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const options = { N: 2 ** logN, r, p, maxmem: MAX_MEMORY_BYTES };
    scrypt(password, salt, hash.length, options, (error, key) => (error ? reject(error) : resolve(key)));
  });
}

/** A name that nobody has takes as long as one that somebody has. */
const NOBODY: ScryptHash = { logN: 15, r: 8, p: 1, salt: randomBytes(16), hash: randomBytes(32) };
const REMEMBERED = 1_000;

/**
 * Checks passwords. HTTP basic sends the password with every request, so one that was right is remembered, as a keyed hash in this process
 * alone, for as long as its account stays what it is.
 */
export class Logins {
  readonly #key = randomBytes(32);
  readonly #right = new Map<string, Account>();

  /** @param accounts who may log in at the moment */
  constructor(private readonly accounts: () => readonly Account[]) {}

  find(user: string): Account | undefined {
    return this.accounts().find((account) => account.user === user);
  }

  /** @returns undefined when name or password is wrong */
  async check(user: string, password: string): Promise<Account | undefined> {
    const seen = createHmac('sha256', this.#key).update(`${user}:${password}`).digest('base64');
    const account = this.find(user);
    if (account && this.#right.get(seen) === account) return account;
    if (!(await this.#isRight(account, password)) || !account) return undefined;
    if (this.#right.size >= REMEMBERED) this.#right.clear();
    this.#right.set(seen, account);
    return account;
  }

  async #isRight(account: Account | undefined, password: string): Promise<boolean> {
    if (account?.password !== undefined) return timingSafeEqual(digest(account.password), digest(password));
    const expected = account?.scrypt ?? NOBODY;
    const isRight = timingSafeEqual(await derive(password, expected), expected.hash);
    return isRight && account?.scrypt !== undefined;
  }
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
