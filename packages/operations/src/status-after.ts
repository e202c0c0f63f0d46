import type { Client, Run } from '@holdfast/engine';

/** How a run stands after something was done to it, as an audit entry says it. */
export async function statusAfter(
  client: Client,
  { tenant, id }: Run,
): Promise<{ readonly after?: Run['status'] }> {
  const run = await client.getRun(tenant, id, { input: false });
  return run ? { after: run.status } : {};
}
