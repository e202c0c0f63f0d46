import { randomBytes, randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { OperatorError } from '@holdfast/app-kit';
import { z } from 'zod';
import { writeFileAtomically } from './write-file.ts';

const Secrets = z.object({
  apiKey: z.string().min(1),
  dashboardPassword: z.string().min(1),
  /** As in `HOLDFAST_ENCRYPTION_KEYS`. Homes of 0.1 have none. */
  encryptionKeys: z.string().min(1),
  /** Signs what the sandbox tells of payments. Homes of 0.1 have none. */
  webhookSecret: z.string().min(1),
});
export type Secrets = z.infer<typeof Secrets>;

const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** What was generated for a home: made once, the same at every start. */
export function loadSecrets(home: string): Secrets {
  const file = join(home, 'secrets.json');
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    return keep(file, {});
  }
  const found = Secrets.partial().safeParse(parseJson(text));
  if (!found.success)
    throw new OperatorError(
      `${file} is damaged.\nDelete it: a new key and password are made at the next start.`,
    );
  const all = Secrets.safeParse(found.data);
  return all.success ? all.data : keep(file, found.data);
}

/** Adds what is missing. */
function keep(file: string, found: Partial<Record<keyof Secrets, string | undefined>>): Secrets {
  const secrets: Secrets = {
    apiKey: found.apiKey ?? `hf_${randomText(40)}`,
    dashboardPassword: found.dashboardPassword ?? randomText(20),
    webhookSecret: found.webhookSecret ?? `whsec_${randomText(32)}`,
    encryptionKeys: found.encryptionKeys ?? `k1:${randomBytes(32).toString('base64')}`,
  };
  writeFileAtomically(file, `${JSON.stringify(secrets, null, 2)}\n`);
  return secrets;
}

function randomText(length: number): string {
  return Array.from({ length }, () => BASE62[randomInt(BASE62.length)]).join('');
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
