import { readFileSync } from 'node:fs';
import { createSealer, NAMESPACE, type RedisSettings, type RedisUrls, redisUrlsOf } from '@holdfast/redis';
import { z } from 'zod';
import { ConfigError } from './config-error.ts';
import { fileVariable, fromFiles } from './secret-files.ts';

/**
 * Reads a process's configuration from environment variables, each of which may stand in a file that its `…_FILE` names. An empty variable
 * counts as absent.
 * @param shape one zod type per variable, keyed by the variable's name
 * @throws ConfigError naming every variable that does not fit and what it expected
 */
export function readConfig<S extends z.ZodRawShape>(
  shape: S,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): z.infer<z.ZodObject<S>> {
  const env = fromFiles(environment, Object.keys(shape));
  const given = Object.fromEntries(
    Object.keys(shape).flatMap((name) => (env[name] ? [[name, env[name]]] : [])),
  );
  const unclean = Object.entries(given).filter(([, value]) => /\p{Cc}/u.test(value ?? ''));
  if (unclean.length > 0)
    throw new ConfigError(
      unclean.map(([variable]) => ({
        variable,
        message:
          'holds a line break or another control character, perhaps at its end; its value is not shown',
      })),
    );
  const parsed = z.object(shape).safeParse(given);
  if (parsed.success) return parsed.data;
  throw new ConfigError(
    parsed.error.issues.map((issue) => {
      const variable = String(issue.path[0] ?? '(environment)');
      const value = given[variable];
      if (value === undefined) return { variable, message: `is missing; ${issue.message}` };
      const file = environment[fileVariable(variable)];
      if (!file) return { variable, message: issue.message };
      const message = `${withoutValue(issue.message, value)} (in ${file}; its content is not shown)`;
      return { variable: fileVariable(variable), message };
    }),
  );
}

/** What a message says of what it got. */
function withoutValue(message: string, value: string): string {
  return message
    .replace(/[,;] got .*$/s, '')
    .replaceAll(value, '…')
    .replaceAll(JSON.stringify(value).slice(1, -1), '…');
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
    const read = URL.canParse(text) ? new URL(text) : undefined;
    // a "#", "/" or "?" in a password ends the host before its "@"; a path of http may hold one
    const inPath = read?.protocol.startsWith('http') && read.pathname.includes('@');
    const cut = text.includes('@') && read?.username === '' && !inPath;
    if (read && protocols.includes(read.protocol) && !cut) return text.replace(/\/+$/, '');
    const expected = protocols.map((p) => `${p}//…`).join(' or ');
    const got = text.includes('@')
      ? 'percent-encode what is special in user and password (its value is not shown)'
      : `got ${JSON.stringify(text)}`;
    ctx.addIssue({ code: 'custom', message: `expected a URL like ${expected}; ${got}` });
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

/** Where Redis is: see docs/configuration.md for the forms. */
export const redisUrl = z
  .string({ error: 'expected redis://host:port (several, comma-separated, for a cluster)' })
  .transform((text, ctx) => {
    try {
      return redisUrlsOf(text);
    } catch (error) {
      ctx.addIssue({ code: 'custom', message: error instanceof Error ? error.message : String(error) });
      return z.NEVER;
    }
  });

/** The path of a file in PEM form; its contents are what is read. */
export const pem = z.string().transform((path, ctx) => {
  try {
    const text = readFileSync(path, 'utf8');
    if (text.includes('-----BEGIN ')) return text;
    ctx.addIssue({ code: 'custom', message: `expected a file in PEM form, but ${path} is none` });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    ctx.addIssue({ code: 'custom', message: `expected a file that can be read: ${path} (${code})` });
  }
  return z.NEVER;
});

/** As in `HOLDFAST_ENCRYPTION_KEYS`: what encrypts with the first of them, and opens with any. */
export const encryptionKeys = z
  .string({
    error: 'expected id:base64[,id:base64…], each 32 random bytes, as `openssl rand -base64 32` makes them',
  })
  .transform((text, ctx) => {
    try {
      return createSealer(text);
    } catch (error) {
      ctx.addIssue({ code: 'custom', message: error instanceof Error ? error.message : String(error) });
      return z.NEVER;
    }
  })
  .optional();

/** The environment variables that say where Redis is, for `readConfig`. */
export const redisVariables = {
  HOLDFAST_REDIS_URL: redisUrl,
  HOLDFAST_REDIS_TLS_CA: pem.optional(),
  HOLDFAST_REDIS_TLS_CERT: pem.optional(),
  HOLDFAST_REDIS_TLS_KEY: pem.optional(),
  HOLDFAST_NAMESPACE: z
    .string()
    .regex(NAMESPACE, {
      error: ({ input }) =>
        `expected at most 40 lower-case letters, digits or "-", beginning with a letter or digit, got ${JSON.stringify(input)}`,
    })
    .optional(),
};

/** @throws ConfigError when half of a client certificate is there, or one for a connection without TLS */
export function redisSettings(read: {
  readonly HOLDFAST_REDIS_URL: RedisUrls;
  readonly HOLDFAST_REDIS_TLS_CA?: string | undefined;
  readonly HOLDFAST_REDIS_TLS_CERT?: string | undefined;
  readonly HOLDFAST_REDIS_TLS_KEY?: string | undefined;
  readonly HOLDFAST_NAMESPACE?: string | undefined;
}): RedisSettings {
  const apart = read.HOLDFAST_NAMESPACE === undefined ? {} : { namespace: read.HOLDFAST_NAMESPACE };
  const tls = {
    ca: read.HOLDFAST_REDIS_TLS_CA,
    cert: read.HOLDFAST_REDIS_TLS_CERT,
    key: read.HOLDFAST_REDIS_TLS_KEY,
  };
  const given = Object.entries(tls).flatMap(([name, value]) => (value === undefined ? [] : [name]));
  if (given.length === 0) return { urls: read.HOLDFAST_REDIS_URL, ...apart };
  if (!read.HOLDFAST_REDIS_URL[0].startsWith('rediss'))
    throw new ConfigError([
      {
        variable: `HOLDFAST_REDIS_TLS_${given[0]?.toUpperCase()}`,
        message: 'is for TLS only, but HOLDFAST_REDIS_URL asks for none; did you mean rediss://?',
      },
    ]);
  for (const [has, lacks] of [
    ['cert', 'key'],
    ['key', 'cert'],
  ])
    if (given.includes(has ?? '') && !given.includes(lacks ?? ''))
      throw new ConfigError([
        {
          variable: `HOLDFAST_REDIS_TLS_${lacks?.toUpperCase()}`,
          message: `is missing; a client certificate is a pair, and HOLDFAST_REDIS_TLS_${has?.toUpperCase()} is set`,
        },
      ]);
  return { urls: read.HOLDFAST_REDIS_URL, tls, ...apart };
}
