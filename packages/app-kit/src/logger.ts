import { type Logger, pino } from 'pino';

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
