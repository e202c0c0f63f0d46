import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Processes } from '@holdfast/local';
import type { Crash } from '../oracle/facts.ts';
import type { RunRecord } from './records.ts';
import type { Shop } from './shop.ts';

/** Ids of the processes of a part; none for a Redis that somebody else runs. */
export function pidsOf({ redis, api, workers }: Processes, part: Crash['part']): number[] {
  switch (part) {
    case 'redis':
      return redis.pid === null ? [] : [redis.pid];
    case 'api':
      return [api.pid];
    case 'workers':
      return workers.map(({ pid }) => pid);
  }
}

/** The runs with these ids, as the API tells them; those that do not exist are left out. */
export async function readRuns(shop: Shop, ids: ReadonlySet<string>): Promise<Map<string, RunRecord>> {
  const runs = new Map<string, RunRecord>();
  const left = [...ids];
  const readOn = async () => {
    for (let id = left.pop(); id !== undefined; id = left.pop()) {
      const run = await shop.run(id);
      if (run) runs.set(id, run);
    }
  };
  await Promise.all(Array.from({ length: 10 }, readOn));
  return runs;
}

/** Every line that the parts of a system have logged, each with its file's name before it. */
export function readLogs(dir: string): string[] {
  return readdirSync(dir).flatMap((file) =>
    readFileSync(join(dir, file), 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => `${file}: ${line}`),
  );
}
