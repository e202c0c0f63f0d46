import type { FastifyInstance } from 'fastify';
import { OperatorError } from './process.ts';
import { closeUnusedConnections } from './unused-connections.ts';

/**
 * Starts listening. Closing the app then waits for requests only, not for connections on which none has come.
 * @param variable the environment variable that chooses the port, named in the error
 * @returns the address, as in `http://127.0.0.1:3000`
 * @throws OperatorError when the port is taken or may not be used, saying which and how to choose another
 */
export async function listen(
  app: Pick<FastifyInstance, 'listen' | 'addHook' | 'server'>,
  host: string,
  port: number,
  variable: string,
): Promise<string> {
  closeUnusedConnections(app);
  try {
    return await app.listen({ host, port });
  } catch (error) {
    throw explainListenError(error, host, port, variable);
  }
}

/** Turns EADDRINUSE and its like into an OperatorError; anything else is returned as it is. */
export function explainListenError(error: unknown, host: string, port: number, variable: string): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  const reason =
    code === 'EADDRINUSE'
      ? 'is in use by another process'
      : code === 'EACCES'
        ? 'may not be used by this user'
        : code === 'EADDRNOTAVAIL'
          ? 'is no address of this machine'
          : undefined;
  if (!reason) return error;
  return new OperatorError(
    `Port ${port} on ${host} ${reason}.\nSet ${variable} to another one, or to 0 for any free one.`,
    { cause: error },
  );
}
