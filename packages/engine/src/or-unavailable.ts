import { isRedisAway } from '@holdfast/redis';

/** Redis is unreachable, refusing writes or too slow. Whether the write landed is not known: send the same request again. */
export class StoreUnavailableError extends Error {
  readonly code = 'store_unavailable';
  constructor(message: string, cause: unknown) {
    super(message, { cause });
    this.name = 'StoreUnavailableError';
  }
}

/** @throws StoreUnavailableError when Redis is unreachable; what it refuses is a mistake of ours */
export async function orUnavailable<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!isRedisAway(error)) throw error;
    throw new StoreUnavailableError('redis did not take or answer the command', error);
  }
}
