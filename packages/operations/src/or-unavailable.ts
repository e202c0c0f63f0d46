import { StoreUnavailableError } from '@holdfast/engine';

/** @throws StoreUnavailableError for whatever Redis did not do */
export async function orUnavailable<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw new StoreUnavailableError('redis did not take or answer the command', error);
  }
}
