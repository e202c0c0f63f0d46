import { randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { OperatorError } from '@holdfast/app-kit';
import { z } from 'zod';
import { writeFileAtomically } from './write-file.ts';

const Secrets = z.object({ apiKey: z.string().min(1), dashboardPassword: z.string().min(1) });
export type Secrets = z.infer<typeof Secrets>;

const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** The generated API key and password of a home: made once, the same at every start. */
export function loadSecrets(home: string): Secrets {
  const file = join(home, 'secrets.json');
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    const made = { apiKey: `hf_${randomText(40)}`, dashboardPassword: randomText(20) };
    writeFileAtomically(file, `${JSON.stringify(made, null, 2)}\n`);
    return made;
  }
  const parsed = Secrets.safeParse(parseJson(text));
  if (parsed.success) return parsed.data;
  throw new OperatorError(
    `${file} is damaged.\nDelete it: a new key and password are made at the next start.`,
  );
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
