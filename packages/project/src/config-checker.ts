import { type ChildProcess, spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';

const Found = z.object({
  flows: z.array(z.string()),
  variables: z.array(z.string()),
  webhooks: z.array(z.string()),
  surface: z.string(),
});

export type Checked =
  | {
      readonly ok: true;
      /** The names of its flows. */
      readonly flows: readonly string[];
      /** The environment variables of its providers. */
      readonly variables: readonly string[];
      /** The names of the sources of its webhooks. */
      readonly webhooks: readonly string[];
      /** The same for configs that differ in what only workers run. */
      readonly surface: string;
    }
  /** What is wrong, in at most five lines. */
  | { readonly ok: false; readonly message: string };

/** Looks whether a config can be used, without loading it into this process. */
export interface ConfigChecker {
  check(): Promise<Checked>;
  close(): void;
}

const CHECK = fileURLToPath(new URL('./check.js', import.meta.url));
const WITHIN_MS = 20_000;
/** The next one is started when those who asked have done what they wanted to know it for. */
const NEXT_AFTER_MS = 3_000;

/**
 * Keeps a process ready that has loaded all but the config, since that is what takes long.
 * @param env HOLDFAST_CONFIG names the config
 */
export function configChecker(
  env: Readonly<Record<string, string | undefined>>,
  folder: string = process.cwd(),
): ConfigChecker {
  const start = () => spawn(process.execPath, [CHECK], { cwd: folder, env: { ...env } });
  let ready: ReturnType<typeof start> | undefined = start();
  let restarting: NodeJS.Timeout | undefined;
  return {
    check: () => {
      const asked = ready ?? start();
      ready = undefined;
      clearTimeout(restarting);
      restarting = setTimeout(() => {
        ready = start();
      }, NEXT_AFTER_MS);
      return answerOf(asked);
    },
    close: () => {
      clearTimeout(restarting);
      ready?.kill('SIGKILL');
    },
  };
}

async function answerOf(child: ChildProcess & ReturnType<typeof spawn>): Promise<Checked> {
  const { stdin, stdout, stderr } = child;
  if (!stdin || !stdout || !stderr) return { ok: false, message: 'the config could not be checked' };
  const late = setTimeout(() => child.kill('SIGKILL'), WITHIN_MS);
  stdin.on('error', () => {}); // it has ended; how, is seen below
  stdin.end('go\n');
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const [out, err, code] = await Promise.all([text(stdout), text(stderr), ended]);
  clearTimeout(late);
  // what the config itself prints comes before
  if (code === 0) return { ok: true, ...Found.parse(JSON.parse(out.trim().split('\n').at(-1) ?? '')) };
  const silent =
    code === null
      ? `the config did not load within ${WITHIN_MS / 1000} s`
      : `loading the config ended the process (exit code ${code})`;
  return { ok: false, message: err.trim() || silent };
}
