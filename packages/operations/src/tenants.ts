import { type Pause, readUsage, type Usage } from '@holdfast/engine';
import type { Cluster, Redis } from 'ioredis';
import { type ApiLimits, type ApiUse, readApiUse } from './api-use.ts';

/** A tenant as operators of the system see it. */
export interface TenantView extends ApiUse {
  readonly tenant: string;
  readonly kept: number;
  readonly dead: number;
  readonly open: number;
  readonly bytes: number;
  /** Of the tenant as a whole, and of its flows. Pauses for all tenants are not among them. */
  readonly pauses: readonly Pause[];
}

export interface TenantsView extends Omit<Usage, 'tenants'> {
  readonly tenants: readonly TenantView[];
  /** Of what each tenant may use of the API processes together. */
  readonly limits: ApiLimits;
  /** Those that hold for all tenants. */
  readonly pauses: readonly Pause[];
}

const NOTHING: ApiUse = { requestsPerSecond: 0, waits: 0, streams: 0 };

/** What each tenant has and uses, for operators of the system. */
export async function readTenants(
  connection: Redis | Cluster,
  readPauses: () => Promise<readonly Pause[]>,
): Promise<TenantsView> {
  const [usage, { use, limits }, pauses] = await Promise.all([
    readUsage(connection),
    readApiUse(connection),
    readPauses(),
  ]);
  return {
    ...usage,
    limits,
    tenants: usage.tenants.map((each) => ({
      ...each,
      ...(use.get(each.tenant) ?? NOTHING),
      pauses: pauses.filter(({ tenant }) => tenant === each.tenant),
    })),
    pauses: pauses.filter(({ tenant }) => tenant === undefined),
  };
}
