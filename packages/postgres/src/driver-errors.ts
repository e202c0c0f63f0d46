/** Errors that came from the connection or the server, and not from the code of a step. */
const seen = new WeakSet<object>();

/** Passes on what the driver answers, and remembers what it throws as the driver's. */
export async function fromDriver<T>(answer: Promise<T>): Promise<T> {
  return answer.catch((error: unknown) => {
    throw asDrivers(error);
  });
}

export function asDrivers(error: unknown): unknown {
  if (typeof error === 'object' && error !== null) seen.add(error);
  return error;
}

export function isDrivers(error: unknown): boolean {
  return typeof error === 'object' && error !== null && seen.has(error);
}
