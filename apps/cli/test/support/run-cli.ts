import { runCli } from '../../src/cli.ts';

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** At a terminal, with somebody who answers. */
export interface AtTerminal {
  readonly columns: number;
  readonly answers?: boolean;
}

/** Runs a command with nothing of this machine's environment. @param terminal default: a pipe */
export async function holdfast(
  args: readonly string[],
  env: Record<string, string> = {},
  terminal?: AtTerminal,
): Promise<Ran> {
  let [out, err] = ['', ''];
  const code = await runCli(args, {
    env: { HOLDFAST_HOME: '/nonexistent', ...env },
    out: (text) => {
      out += text;
    },
    err: (text) => {
      err += text;
    },
    ...{ outIsTerminal: terminal !== undefined, errIsTerminal: false },
    ...(terminal && { columns: terminal.columns }),
    ...(terminal?.answers !== undefined && {
      confirm: async (question: string) => {
        err += question;
        return terminal.answers === true;
      },
    }),
  });
  return { code, out, err };
}
