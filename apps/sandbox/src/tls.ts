import { once } from 'node:events';
import type { Server } from 'node:http';
import { type AddressInfo, createServer, isIPv6, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { createServer as createTlsServer } from 'node:tls';
import { explainListenError } from '@holdfast/app-kit';
import type { Faults } from './faults.ts';

/** PEM texts. */
export interface TlsOptions {
  /** 0 for any free one. */
  readonly port: number;
  readonly cert: string;
  readonly key: string;
}

/** The same providers behind TLS, whose handshake a fault can delay. */
export interface TlsFront {
  /** As in `https://127.0.0.1:3443`. */
  readonly url: string;
  /** Breaks what is under way. */
  close(): void;
}

/** @throws OperatorError when the port cannot be had */
export async function listenWithTls(
  server: Server,
  faults: Faults,
  host: string,
  { port, cert, key }: TlsOptions,
): Promise<TlsFront> {
  const tls = createTlsServer({ cert, key, ALPNProtocols: ['http/1.1'] }, (socket) =>
    server.emit('connection', socket),
  );
  // who does not trust the certificate goes away in the middle
  tls.on('tlsClientError', () => {});
  const sockets = new Set<Socket>();
  const front = createServer(async (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => sockets.delete(socket));
    const fault = faults.take('tls', 'connect', 'connect');
    if (fault?.fault === 'slow_connect') await delay(fault.delayMs, undefined, { ref: false });
    if (!socket.destroyed) tls.emit('connection', socket);
  });
  try {
    await once(front.listen(port, host), 'listening');
  } catch (error) {
    throw explainListenError(error, host, port, 'HOLDFAST_SANDBOX_TLS_PORT');
  }
  const { port: bound } = front.address() as AddressInfo;
  return {
    url: `https://${isIPv6(host) ? `[${host}]` : host}:${bound}`,
    close: () => {
      front.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
