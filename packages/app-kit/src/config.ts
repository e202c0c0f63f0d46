import { z } from 'zod';

/** The environment does not fit. Carries every fault at once, each with its variable's name. */
export class ConfigError extends Error {
  readonly code = 'config_invalid';
  constructor(readonly faults: readonly { readonly variable: string; readonly message: string }[]) {
    super(`The environment is not valid:\n${faults.map((f) => `  ${f.variable}: ${f.message}`).join('\n')}`);
    this.name = 'ConfigError';
  }
}

/**
 * Reads a process's configuration from environment variables. An empty variable counts as absent.
 * @param shape one zod type per variable, keyed by the variable's name
 * @throws ConfigError naming every variable that does not fit and what it expected
 */
export function readConfig<S extends z.ZodRawShape>(
  shape: S,
  env: Readonly<Record<string, string | undefined>> = process.env,
): z.infer<z.ZodObject<S>> {
  const given = Object.fromEntries(
    Object.keys(shape).flatMap((name) => (env[name] ? [[name, env[name]]] : [])),
  );
  const parsed = z.object(shape).safeParse(given);
  if (parsed.success) return parsed.data;
  throw new ConfigError(
    parsed.error.issues.map((issue) => {
      const variable = String(issue.path[0] ?? '(environment)');
      return {
        variable,
        message: given[variable] === undefined ? `is missing; ${issue.message}` : issue.message,
      };
    }),
  );
}

const whole = (min: number, max: number, what: string) =>
  z.string().transform((text, ctx) => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    ctx.addIssue({ code: 'custom', message: `expected ${what}, got ${JSON.stringify(text)}` });
    return z.NEVER;
  });

/** A TCP port; 0 lets the system choose a free one. */
export const port = whole(0, 65_535, 'a port from 0 to 65535 (0 picks a free one)');

export const wholeNumber = (min: number, max: number) =>
  whole(min, max, `a whole number from ${min} to ${max}`);

export const positiveNumber = z.string().transform((text, ctx) => {
  const value = Number(text);
  if (Number.isFinite(value) && value > 0) return value;
  ctx.addIssue({ code: 'custom', message: `expected a number above 0, got ${JSON.stringify(text)}` });
  return z.NEVER;
});

/** A URL with one of the given protocols (as in `http:`), without a slash at its end. */
export const url = (...protocols: string[]) =>
  z.string().transform((text, ctx) => {
    if (URL.canParse(text) && protocols.includes(new URL(text).protocol)) return text.replace(/\/+$/, '');
    const expected = protocols.map((p) => `${p}//…`).join(' or ');
    ctx.addIssue({ code: 'custom', message: `expected a URL like ${expected}, got ${JSON.stringify(text)}` });
    return z.NEVER;
  });

export const host = z
  .string()
  .regex(/^[A-Za-z0-9.:_-]+$/, 'expected a host name or IP address')
  .default('127.0.0.1');

export const logLevel = z
  .enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'], {
    error: 'expected one of trace, debug, info, warn, error, fatal, silent',
  })
  .default('info');

/** One `redis://` or `rediss://` URL, or several, comma-separated, for a cluster. */
export const redisUrl = z
  .string({ error: 'expected redis://host:port (several, comma-separated, for a cluster)' })
  .transform((text, ctx) => {
    const urls = text.split(',').map((part) => part.trim());
    const good = urls.every((u) => URL.canParse(u) && ['redis:', 'rediss:'].includes(new URL(u).protocol));
    if (good) return urls as [string, ...string[]];
    ctx.addIssue({
      code: 'custom',
      message: 'expected redis://host:port or rediss://host:port (several, comma-separated, for a cluster)',
    });
    return z.NEVER;
  });
