import { createHash } from 'node:crypto';
import { engineScripts } from '@holdfast/engine/testing';
import { Command, Redis } from 'ioredis';

/** One command's way to Redis and back. */
export interface Passage {
  /** The command is sent once this resolves; while it does not, it never leaves the process. */
  readonly mayLeave: Promise<void>;
  /** Asked when the reply is there; it reaches the process once this resolves. `again`: the command is sent once more first. */
  arrives(): Promise<'deliver' | 'again'>;
}

/** Stands between a connection and Redis. */
export type Watcher = (command: string) => Passage;

/** An ioredis connection whose commands and replies can be held back, lost and repeated, one by one. */
export class WatchedRedis extends Redis {
  #watcher: Watcher | undefined;
  readonly #seen = new WeakSet<Command>();

  /** Connects, and resolves once commands can be sent. */
  static async connect(url: string): Promise<WatchedRedis> {
    const connection = new WatchedRedis(url, {
      maxRetriesPerRequest: null,
      enableReadyCheck: false,
      lazyConnect: true,
    });
    connection.on('error', () => {});
    await connection.connect();
    return connection;
  }

  intercept(watcher: Watcher | undefined): void {
    this.#watcher = watcher;
  }

  override sendCommand(...[command, stream]: Parameters<Redis['sendCommand']>): unknown {
    const watcher = this.#watcher;
    const greets = this.status === 'connecting' || this.status === 'connect';
    if (!watcher || greets || this.#seen.has(command)) return super.sendCommand(command, stream);
    this.#seen.add(command);
    const passage = watcher(nameOf(command));
    const { resolve, reject } = command;
    const settle = (deliver: () => void) =>
      void passage
        .arrives()
        .then((then) => (then === 'again' ? this.#sendAgain(command, resolve, reject) : deliver()));
    command.resolve = (reply: unknown) => settle(() => resolve.call(command, reply));
    command.reject = (error) => settle(() => reject.call(command, error));
    void passage.mayLeave.then(() => {
      super.sendCommand(command, stream);
    });
    return command.promise;
  }

  /** As ioredis does when the connection broke before the reply came. */
  #sendAgain(command: Command, resolve: Command['resolve'], reject: Command['reject']): void {
    const copy = new Command(command.name, command.args.slice());
    this.#seen.add(copy);
    copy.promise.catch(() => {});
    copy.resolve = (reply: unknown) => resolve.call(command, reply);
    copy.reject = (error) => reject.call(command, error);
    super.sendCommand(copy);
  }

  /** A script is compiled once for all connections: BullMQ defines dozens on each. */
  override defineCommand(name: string, definition: Parameters<Redis['defineCommand']>[1]): void {
    const known = definedCommands.get(name);
    if (known?.lua === definition.lua) {
      for (const [member, value] of known.members) Reflect.set(this, member, value);
      return;
    }
    super.defineCommand(name, definition);
    const members = [name, `${name}Buffer`].map((member) => [member, Reflect.get(this, member)] as const);
    definedCommands.set(name, { lua: definition.lua, members });
    namesBySha.set(sha1(definition.lua), `bullmq ${name.replace(/:.*/, '')}`);
  }
}

const definedCommands = new Map<
  string,
  { readonly lua: string; readonly members: readonly (readonly [string, unknown])[] }
>();

const namesBySha = new Map(engineScripts.map(({ sha, name }) => [sha, name]));

/** A script's name, or a command and its first key. */
function nameOf({ name, args }: Command): string {
  if (name !== 'evalsha' && name !== 'eval') return [name, args[0]].filter(Boolean).join(' ');
  const sha = name === 'eval' ? sha1(String(args[0])) : String(args[0]);
  return namesBySha.get(sha) ?? `${name} ${sha}`;
}

function sha1(text: string): string {
  return createHash('sha1').update(text).digest('hex');
}
