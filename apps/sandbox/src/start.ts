import { listen } from '@holdfast/app-kit';
import { buildSandbox, type SandboxOptions } from './app.ts';

export interface StartOptions extends SandboxOptions {
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** 0 for any free one. */
  readonly port: number;
  /** 0 for any free one. */
  readonly smtpPort: number;
}

export interface RunningSandbox {
  /** As in `http://127.0.0.1:3002`; the providers are at `/payment`, `/inventory` and `/shipping` below it. */
  readonly url: string;
  /** As in `smtp://127.0.0.1:3025`. */
  readonly smtpUrl: string;
  /** Breaks calls in flight and closes the ledger's file. */
  close(): Promise<void>;
}

/** Starts the sandbox in this process. @throws OperatorError when a port cannot be had, naming the variable that chooses it */
export async function startSandbox(options: StartOptions): Promise<RunningSandbox> {
  const { host = '127.0.0.1', port, smtpPort } = options;
  const { app, mail } = buildSandbox(options);
  try {
    const smtpUrl = await mail.listen(host, smtpPort);
    const url = await listen(app, host, port, 'HOLDFAST_SANDBOX_PORT');
    return { url, smtpUrl, close: () => app.close() };
  } catch (error) {
    await app.close();
    throw error;
  }
}
