import { runCli } from '../../src/cli.ts';

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs a command with nothing of this machine's environment. */
export async function holdfast(args: readonly string[], env: Record<string, string> = {}): Promise<Ran> {
  let [out, err] = ['', ''];
  const code = await runCli(args, {
    env: { HOLDFAST_HOME: '/nonexistent', ...env },
    out: (text) => {
      out += text;
    },
    err: (text) => {
      err += text;
    },
    ...{ outIsTerminal: false, errIsTerminal: false },
  });
  return { code, out, err };
}
