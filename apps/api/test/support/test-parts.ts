import { connectRedis, createLogger, type Logger, Preflight } from '@holdfast/app-kit';
import { type Client, createClient, type FlowContract } from '@holdfast/engine';
import { providerHealth, redisStore } from '@holdfast/http';
import { createApiKeys, createOperations } from '@holdfast/operations';
import { deliveryContract, readAllowList } from '@holdfast/outgoing';
import { createSealer } from '@holdfast/redis';
import { keyLookup } from '../../src/api-keys.ts';
import { callersByKey } from '../../src/callers.ts';
import { type ApiParts, shopRoutes } from '../../src/index.ts';
import { webhooksOut } from '../../src/webhooks-out.ts';
import { KEY } from './test-api.ts';

const SEALER = createSealer(`test:${Buffer.alloc(32, 1).toString('base64')}`);

/** What an API is built of, with `close` for what the parts have opened. */
export function testParts(
  redisUrl: string,
  flows: readonly FlowContract[],
  log: Logger = createLogger('api', 'silent'),
): ApiParts & { readonly preflight: Preflight; readonly client: Client; close(): Promise<void> } {
  const connection = connectRedis({ urls: [redisUrl] }, { for: 'api', commandTimeoutMs: 1500 }, log);
  const client = createClient({ connection, flows: [...flows, deliveryContract] });
  const preflight = new Preflight({ connection, durability: 'strict', attest: undefined, log });
  const providers = redisStore({ connection });
  const storedKeys = createApiKeys({ connection, log });
  return {
    ...{ client, flows, routes: [shopRoutes], preflight, storedKeys, log },
    callers: callersByKey(keyLookup(() => KEY, storedKeys)),
    operations: createOperations({ client, connection, log }),
    webhooksOut: webhooksOut({
      ...{ connection, client, sealer: SEALER, allow: readAllowList(''), eventsOfFlows: {}, log },
    }),
    readProviders: (minutes) => providerHealth(providers, minutes),
    async close() {
      preflight.stop();
      await client.close();
      connection.disconnect();
    },
  };
}
