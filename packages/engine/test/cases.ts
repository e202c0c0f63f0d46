import { startRedis, waitFor } from '@holdfast/testkit';
import { Redis } from 'ioredis';
import { z } from 'zod';
import { defineFlow, type FlowContext, type Run } from '../src/index.ts';
import { createDriver, type Driver, type DriverOptions } from '../src/testing.ts';

type Case = (ctx: FlowContext) => Promise<unknown>;

/** Flows given as functions, one for each case, on a Redis of their own, driven by hand. */
export interface Cases {
  readonly connection: Redis;
  /** The first driver, with the options that were given for it. */
  readonly driver: Driver;
  newDriver(options?: Partial<DriverOptions>): Driver;
  submit(flow: Case, driver?: Driver): Promise<string>;
  /** For flows that ask for a child by its input. */
  readonly asChild: (name: string, flow: Case) => { readonly flow: typeof any; readonly input: string };
  /** Drives the run, each time it may go on, until it is over. */
  driveToItsEnd(runId: string, driver?: Driver): Promise<Run>;
  close(): Promise<void>;
}

/** What the flow does, by the name of the input. */
const functions = new Map<string, Case>();
const any = defineFlow({
  name: 'any',
  version: 1,
  input: z.string(),
  output: z.unknown(),
  run: (ctx, name) => functions.get(name)?.(ctx) ?? Promise.resolve(null),
});

let made = 0;

export async function startCases(options: Partial<DriverOptions> = {}): Promise<Cases> {
  const redis = await startRedis();
  const connection = new Redis(redis.url, { maxRetriesPerRequest: null });
  const drivers: Driver[] = [];
  const newDriver = (more: Partial<DriverOptions> = {}) => {
    const driver = createDriver({ connection, flows: [any], ...more });
    drivers.push(driver);
    return driver;
  };
  const first = newDriver(options);
  return {
    connection,
    driver: first,
    newDriver,
    submit(flow, driver = first) {
      const name = `case ${++made}`;
      functions.set(name, flow);
      return driver.submit(any, name, name);
    },
    asChild(name, flow) {
      functions.set(name, flow);
      return { flow: any, input: name };
    },
    driveToItsEnd: (runId, driver = first) =>
      waitFor(
        async () => {
          await driver.drive(runId);
          const run = await driver.read(runId);
          return run && ['completed', 'failed', 'cancelled', 'dead'].includes(run.status) ? run : undefined;
        },
        { what: `run ${runId} to be over` },
      ),
    async close() {
      await Promise.all(drivers.map((driver) => driver.close()));
      connection.disconnect();
      await redis.stop();
    },
  };
}
