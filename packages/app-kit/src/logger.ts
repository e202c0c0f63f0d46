import { type Logger, pino, stdSerializers } from 'pino';

export type { Logger };

/** Where secrets and personal data would stand in a logged object. */
const SECRET_PATHS = [
  'authorization',
  'password',
  'apiKey',
  'clientSecret',
  'paymentMethod',
  'email',
].flatMap((name) => [name, `*.${name}`, `*.*.${name}`]);

/** JSON lines on standard output; on a terminal, lines for people. Credentials, card and mail data are redacted. */
export function createLogger(name: string, level: string): Logger {
  const options = {
    name,
    level,
    serializers: { err: withoutCommand },
    redact: {
      paths: [...SECRET_PATHS, 'req.headers.authorization', 'req.headers.cookie', 'headers.authorization'],
      censor: '[redacted]',
    },
  };
  if (!process.stdout.isTTY) return pino(options);
  return pino({
    ...options,
    transport: { target: 'pino-pretty', options: { translateTime: 'HH:MM:ss.l', ignore: 'pid,hostname' } },
  });
}

/** An error of Redis' carries the command that it was about: its arguments are results, tokens and keys, and stay out of the log. */
function withoutCommand(error: unknown): unknown {
  const shown = stdSerializers.err(error as Error) as { command?: { name?: unknown } };
  const { command, ...rest } = shown;
  return typeof command?.name === 'string' ? { ...rest, command: command.name } : shown;
}
