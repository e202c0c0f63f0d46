import { ConfigError } from '@holdfast/app-kit';
import type { Sharing } from '@holdfast/http';
import { z } from 'zod';
import { checkName } from './define-provider/index.ts';
import { type Connected, type Provider, provider } from './provider.ts';

export interface ConnectorPlan<W, C extends Connected> {
  /** Lower-case letters, digits and dashes. */
  readonly name: string;
  /** For messages: `database`, `broker`. */
  readonly kind: string;
  /** The environment variables that configure it, each with its type. */
  readonly variables: z.ZodRawShape;
  /** Where it is, by its variables. @throws ConfigError naming what does not fit */
  readonly whereOf: (read: Readonly<Record<string, unknown>>) => W;
  /** @param sharing absent: no breaker, no health */
  readonly connect: (where: W, sharing: Sharing | undefined) => C;
}

/** Something that steps reach over connections of their own: for a config's `providers`, and for the steps it makes. */
export class Connector<W, C extends Connected> {
  readonly provider: Provider;
  readonly #plan: ConnectorPlan<W, C>;
  /** The last one is used: a config that is loaded again connects anew while calls of before are under way. */
  readonly #connections: C[] = [];

  /** @throws TypeError for a name that cannot be one */
  constructor(plan: ConnectorPlan<W, C>) {
    checkName(plan.name);
    this.#plan = plan;
    const { name, variables } = plan;
    this.provider = provider({
      ...{ name, variables },
      configure: (read) => {
        const where = plan.whereOf(read);
        return (sharing) => this.#connect(where, sharing);
      },
    });
  }

  /** What steps call. @throws TypeError outside of a worker */
  current(): C {
    const connection = this.#connections.at(-1);
    if (connection) return connection;
    const { kind, name } = this.#plan;
    throw new TypeError(
      `the ${kind} "${name}" is not connected: its steps work in a worker whose config names it in \`providers\``,
    );
  }

  /** Connects it on its own, without Redis. @throws ConfigError naming what is missing or cannot be used */
  alone(env: Readonly<Record<string, string | undefined>>): Connected {
    return this.#connect(this.whereIn(env), undefined);
  }

  /** @throws ConfigError naming what is missing or cannot be used */
  whereIn(env: Readonly<Record<string, string | undefined>>): W {
    const read = z.object(this.#plan.variables).safeParse(env);
    if (read.success) return this.#plan.whereOf(read.data);
    throw new ConfigError(
      read.error.issues.map(({ path, message }) => ({ variable: String(path[0]), message })),
    );
  }

  #connect(where: W, sharing: Sharing | undefined): Connected {
    const connection = this.#plan.connect(where, sharing);
    this.#connections.push(connection);
    return {
      close: async () => {
        this.#connections.splice(this.#connections.indexOf(connection), 1);
        await connection.close();
      },
    };
  }
}
