import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';

/** Whether an answer has begun on this socket: another head would land in its body. */
export function isAnswering(socket: Socket): boolean {
  // as Node's own handler looks
  const { _httpMessage: message } = socket as Socket & { _httpMessage?: { headersSent: boolean } | null };
  return message?.headersSent === true;
}

/** Answers without a body what never becomes a request, and closes. */
export function refuseOnSocket(socket: Socket, status: number): void {
  if (!socket.writable || isAnswering(socket)) {
    socket.destroy();
    return;
  }
  const head = `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`;
  socket.end(head, () => socket.destroy());
}

/** We are no proxy. Without this, Node closes the connection and says nothing. */
export function refuseConnect(app: FastifyInstance): void {
  app.server.on('connect', (_request, socket: Socket) => {
    socket.on('error', () => socket.destroy());
    refuseOnSocket(socket, 405);
  });
}
