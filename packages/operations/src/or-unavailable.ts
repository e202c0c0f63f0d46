import { StoreUnavailableError } from '@holdfast/engine';
import { isRedisAway } from '@holdfast/redis';

/** @throws StoreUnavailableError when Redis is away; what it refuses is a mistake of ours */
export async function orUnavailable<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!isRedisAway(error)) throw error;
    throw new StoreUnavailableError('redis did not take or answer the command', error);
  }
}
