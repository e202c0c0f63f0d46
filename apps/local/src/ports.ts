import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { explainListenError, OperatorError } from '@holdfast/app-kit';

export interface PortRequest {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** The environment variable that chooses it. */
  readonly variable: string;
}

/**
 * Free ports are taken from below the range that systems use for outgoing connections: a child that is started again must find
 * its port still free.
 */
const FREE_PORTS = { from: 20_000, to: 32_768 };
const TRIES = 200;

/**
 * Finds a port for each request, no two the same.
 * @throws OperatorError when a port is in use or asked for twice, saying which and which variable chooses another
 */
export async function allotPorts<K extends string>(
  requests: Readonly<Record<K, PortRequest>>,
): Promise<Record<K, number>> {
  const entries = Object.entries<PortRequest>(requests);
  refuseDoubles(entries.map(([, request]) => request));
  const held: Server[] = [];
  try {
    const allotted: [string, number][] = [];
    // The fixed ones first, so that none of them is given away.
    for (const [name, request] of entries.toSorted(([, a], [, b]) => b.port - a.port)) {
      const server = request.port === 0 ? await holdAnyFree(request.host) : await hold(request);
      held.push(server);
      allotted.push([name, portOf(server)]);
    }
    return Object.fromEntries(allotted) as Record<K, number>;
  } finally {
    await Promise.all(held.map((server) => new Promise((closed) => server.close(closed))));
  }
}

function refuseDoubles(requests: readonly PortRequest[]) {
  for (const { port, variable } of requests) {
    const other = requests.find((r) => r.variable !== variable && r.port === port && port !== 0);
    if (!other) continue;
    throw new OperatorError(
      `Port ${port} is asked for twice, by ${variable} and by ${other.variable}.\nSet one of them to another port, or to 0 for any free one.`,
    );
  }
}

async function hold({ host, port, variable }: PortRequest): Promise<Server> {
  try {
    return await listenOn(host, port);
  } catch (error) {
    throw explainListenError(error, host, port, variable);
  }
}

async function holdAnyFree(host: string): Promise<Server> {
  for (let tries = 0; tries < TRIES; tries++) {
    const server = await listenOn(host, randomInt(FREE_PORTS.from, FREE_PORTS.to)).catch(() => undefined);
    if (server) return server;
  }
  throw new OperatorError(
    `No free port was found on ${host} in ${TRIES} tries.\nIs it an address of this machine?`,
  );
}

async function listenOn(host: string, port: number): Promise<Server> {
  const server = createServer().listen({ host, port, exclusive: true });
  await once(server, 'listening');
  return server;
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server has no port');
  return address.port;
}
