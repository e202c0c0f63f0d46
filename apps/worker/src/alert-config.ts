import { ConfigError, url } from '@holdfast/app-kit';
import { z } from 'zod';

/** Where alerts go. */
export interface AlertConfig {
  readonly url: string;
  /** Signs them. */
  readonly secret?: string;
  /** Where people go from an alert. */
  readonly dashboardUrl?: string;
}

const SECRET = 'expected whsec_ followed by the base64 of 24 to 64 random bytes';

export const alertVariables = {
  HOLDFAST_ALERT_URL: url('http:', 'https:').optional(),
  HOLDFAST_ALERT_SECRET: z.string().refine(isSecret, SECRET).optional(),
  HOLDFAST_ALERT_LINK: url('http:', 'https:').optional(),
} as const;

/** @throws ConfigError when there is something to go with an alert and nowhere for it to go. */
export function alertConfig({
  HOLDFAST_ALERT_URL: to,
  HOLDFAST_ALERT_SECRET: secret,
  HOLDFAST_ALERT_LINK: dashboardUrl,
}: z.infer<z.ZodObject<typeof alertVariables>>): AlertConfig | undefined {
  if (to !== undefined) {
    return {
      url: to,
      ...(secret !== undefined && { secret }),
      ...(dashboardUrl !== undefined && { dashboardUrl }),
    };
  }
  if (secret === undefined && dashboardUrl === undefined) return undefined;
  const message = 'is missing; expected the URL for alerts, since what goes with them is there';
  throw new ConfigError([{ variable: 'HOLDFAST_ALERT_URL', message }]);
}

function isSecret(text: string): boolean {
  const [, base64] = /^whsec_([A-Za-z0-9+/]+={0,2})$/.exec(text) ?? [];
  const bytes = base64 === undefined ? 0 : Buffer.from(base64, 'base64').length;
  return bytes >= 24 && bytes <= 64;
}
