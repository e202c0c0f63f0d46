import { text } from 'node:stream/consumers';
import type { Commands } from './cli.ts';
import { UsageError } from './usage.ts';

const SHORTEST = 12;

/** `holdfast hash-password`: for `HOLDFAST_DASHBOARD_LOGINS`. */
export function addHashPasswordCommand({ program, io }: Commands): void {
  program
    .command('hash-password')
    .description('hashes a password from standard input, for HOLDFAST_DASHBOARD_LOGINS')
    .option('--json', 'print JSON')
    .action(async ({ json }: { json?: true }) => {
      const password = (await text(process.stdin)).replace(/\r?\n$/, '');
      if (password.length < SHORTEST || /\p{Cc}/u.test(password))
        throw new UsageError(
          `Send one line with a password of at least ${SHORTEST} characters on standard input, as in: openssl rand -base64 18 | tee /dev/stderr | holdfast hash-password`,
        );
      const { hashPassword } = await import('@holdfast/dashboard');
      const hash = await hashPassword(password);
      io.out(json ? `${JSON.stringify({ hash })}\n` : `${hash}\n`);
    });
}
