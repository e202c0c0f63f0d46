import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface CuttingProxy {
  readonly port: number;
  /** Cuts the connection at the next COMMIT: before the server has it, or once it has answered. */
  cutAtCommit(when: 'before' | 'after_reply'): void;
  close(): Promise<void>;
}

/** Between a client and a PostgreSQL on loopback. */
export async function startCuttingProxy(target: number): Promise<CuttingProxy> {
  let cutting: 'before' | 'after_reply' | undefined;
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(target, '127.0.0.1');
    let losing = false;
    const cut = () => {
      client.destroy();
      upstream.destroy();
    };
    client.on('data', (data) => {
      if (cutting && data.includes('COMMIT\0')) {
        if (cutting === 'before') {
          cutting = undefined;
          return cut();
        }
        cutting = undefined;
        losing = true;
      }
      upstream.write(data);
    });
    upstream.on('data', (data) => (losing ? cut() : client.write(data)));
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', cut).on('close', cut);
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    cutAtCommit: (when) => {
      cutting = when;
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
