import { listen } from '@holdfast/app-kit';
import { buildSandbox, type SandboxOptions } from './app.ts';
import { listenWithTls, type TlsFront, type TlsOptions } from './tls.ts';

export interface StartOptions extends SandboxOptions {
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** 0 for any free one. */
  readonly port: number;
  /** 0 for any free one. */
  readonly smtpPort: number;
  /** The providers behind TLS as well. Default: not. */
  readonly tls?: TlsOptions;
}

export interface RunningSandbox {
  /** As in `http://127.0.0.1:3002`; the providers are at `/payment`, `/inventory` and `/shipping` below it. */
  readonly url: string;
  /** As in `smtp://127.0.0.1:3025`. */
  readonly smtpUrl: string;
  /** As in `https://127.0.0.1:3443`, where TLS was asked for. */
  readonly tlsUrl?: string;
  /** Breaks calls in flight and closes the ledger's file. */
  close(): Promise<void>;
}

/** Starts the sandbox in this process. @throws OperatorError when a port cannot be had, naming the variable that chooses it */
export async function startSandbox(options: StartOptions): Promise<RunningSandbox> {
  const { host = '127.0.0.1', port, smtpPort, tls } = options;
  const { app, mail, faults } = buildSandbox(options);
  let front: TlsFront | undefined;
  app.addHook('preClose', async () => front?.close());
  try {
    const smtpUrl = await mail.listen(host, smtpPort);
    const url = await listen(app, host, port, 'HOLDFAST_SANDBOX_PORT');
    front = tls && (await listenWithTls(app.server, faults, host, tls));
    return { url, smtpUrl, ...(front && { tlsUrl: front.url }), close: () => app.close() };
  } catch (error) {
    await app.close();
    throw error;
  }
}
