import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, createServer, type Socket } from 'node:net';
import { RespReader } from './resp-reader.ts';

/** One Redis command as it passes by: its name and arguments. */
export type Command = readonly string[];

/** A proxy between a client and a Redis, which can be made to misbehave like a network. */
export interface TcpProxy {
  readonly url: string;
  /** How many commands have passed. */
  readonly commands: number;
  /**
   * Lets the next command that matches through, and cuts the connection once Redis has answered it: the reply is lost.
   * @returns resolves when that has happened
   */
  loseReplyTo(matches: (command: Command) => boolean): Promise<void>;
  /** Cuts the connection when the next command that matches comes, before Redis gets it. */
  cutBefore(matches: (command: Command) => boolean): Promise<void>;
  /** Swallows everything both ways, without a word to either side, until healed. New connections hang as well. */
  blackHole(): void;
  /** Swallows everything on the connections that are there; new ones pass, as behind a load balancer that has dropped its table. */
  freeze(): void;
  /** New connections lead to another port, as after a change of DNS; those that are there stay where they are. */
  leadTo(target: number): void;
  /** Lets everything through again; connections that lost something are cut. */
  heal(): void;
  close(): Promise<void>;
}

interface Trap {
  readonly matches: (command: Command) => boolean;
  readonly when: 'before' | 'after_reply';
  readonly sprung: () => void;
}

/** @param first port of the Redis, on loopback */
export async function startTcpProxy(first: number): Promise<TcpProxy> {
  const pairs = new Set<{ client: Socket; upstream: Socket; frozen: boolean }>();
  let target = first;
  let traps: Trap[] = [];
  let swallowing = false;
  let commands = 0;

  const server = createServer((client) => {
    const upstream = connect(target, '127.0.0.1');
    const pair = { client, upstream, frozen: false };
    pairs.add(pair);
    const cut = () => {
      pairs.delete(pair);
      client.destroy();
      upstream.destroy();
    };
    let losing: Trap | undefined;
    const reader = new RespReader((command) => {
      commands += 1;
      const trap = traps.find((each) => each.matches(command));
      if (!trap) return true;
      traps = traps.filter((each) => each !== trap);
      if (trap.when === 'after_reply') {
        losing = trap;
        return true;
      }
      cut();
      trap.sprung();
      return false;
    });
    client.on('data', (data) => {
      if (swallowing || pair.frozen) return;
      if (reader.read(data)) upstream.write(data);
    });
    upstream.on('data', (data) => {
      if (swallowing || pair.frozen) return;
      if (!losing) {
        client.write(data);
        return;
      }
      cut();
      losing.sprung();
    });
    for (const socket of [client, upstream]) {
      socket.on('error', cut);
      socket.on('close', cut);
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  const trap = (when: Trap['when'], matches: Trap['matches']) =>
    new Promise<void>((sprung) => {
      traps.push({ matches, when, sprung });
    });
  const cutAll = () => {
    for (const { client, upstream } of pairs) {
      client.destroy();
      upstream.destroy();
    }
    pairs.clear();
  };
  return {
    url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get commands() {
      return commands;
    },
    loseReplyTo: (matches) => trap('after_reply', matches),
    cutBefore: (matches) => trap('before', matches),
    blackHole() {
      swallowing = true;
    },
    freeze() {
      for (const pair of pairs) pair.frozen = true;
    },
    leadTo(port) {
      target = port;
    },
    heal() {
      swallowing = false;
      cutAll();
    },
    async close() {
      cutAll();
      server.close();
      await once(server, 'close');
    },
  };
}
