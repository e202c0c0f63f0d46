import type { Cluster, Redis } from 'ioredis';
import { createClient, InvalidInputError, UnknownFlowError } from '../client.ts';
import type { FlowContract } from '../contract/define-flow.ts';
import type { Log } from '../contract/log.ts';
import type { PayloadCodec } from '../contract/payload-codec.ts';
import { isTerminal, type RunStatus } from '../contract/run.ts';
import type { Journal } from '../journal/journal.ts';
import { keysOf } from '../journal/keys.ts';
import { fireTimeText } from '../schedules/cron.ts';
import { fire } from '../schedules/firing.ts';
import { ScheduleStore } from '../schedules/schedule-store.ts';
import { requestOf } from '../schedules/schedules.ts';
import { cancelRun } from './child-runs.ts';
import type { Jobs } from './jobs.ts';

export interface ScheduleFiringDeps {
  readonly connection: Redis | Cluster;
  readonly flows: readonly FlowContract[];
  /** Default: payloads are kept as they are. */
  readonly codec?: PayloadCodec | undefined;
  readonly journal: Journal;
  readonly jobs: Jobs;
  readonly log: Log;
}

/** Fires schedules with the flows of a worker. */
export function scheduleFiring({ connection, flows, codec, journal, jobs, log }: ScheduleFiringDeps): {
  readonly fire: (schedule: string, now: number) => Promise<void>;
  readonly close: () => Promise<void>;
} {
  const client = createClient({ connection, flows, codec });
  const deps = {
    ...{ store: new ScheduleStore(connection), log },
    async submit(schedule: Parameters<typeof requestOf>[0], fireTime: number) {
      try {
        const reply = await client.submit(requestOf(schedule, fireTimeText(fireTime)));
        return reply.outcome === 'key_reused' ? reply.runId : reply.run.id;
      } catch (error) {
        if (error instanceof UnknownFlowError) return 'elsewhere';
        if (error instanceof InvalidInputError) return undefined;
        throw error;
      }
    },
    async runsSince(runId: string) {
      const [status, createdAt] = await connection.hmget(
        keysOf(connection).run(runId),
        'status',
        'createdAt',
      );
      if (status == null || status === 'dead' || isTerminal(status as RunStatus)) return undefined;
      return Number(createdAt);
    },
    async cancel(tenant: string, runId: string) {
      await cancelRun(journal, jobs, { runId, tenant });
    },
  };
  return { fire: (schedule, now) => fire(deps, schedule, now), close: () => client.close() };
}
