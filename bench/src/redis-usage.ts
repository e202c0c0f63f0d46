import type { Redis } from 'ioredis';

export interface RedisUsage {
  readonly cpuMs: number;
  readonly aofBytes: number;
}

/** What Redis has used so far. The append-only file only grows here: rewriting it is switched off. */
export async function redisUsage(connection: Redis): Promise<RedisUsage> {
  const info = `${await connection.info('cpu')}\n${await connection.info('persistence')}`;
  const figure = (name: string) => {
    const text = new RegExp(`^${name}:([0-9.]+)`, 'm').exec(info)?.[1];
    if (text === undefined) throw new Error(`INFO has no ${name}`);
    return Number(text);
  };
  const cpuSeconds = figure('used_cpu_user') + figure('used_cpu_sys');
  return { cpuMs: cpuSeconds * 1_000, aofBytes: figure('aof_current_size') };
}

export async function redisVersion(connection: Redis): Promise<string> {
  return /^redis_version:(\S+)/m.exec(await connection.info('server'))?.[1] ?? 'unknown';
}
