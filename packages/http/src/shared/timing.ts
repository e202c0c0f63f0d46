/** @returns undefined when it takes too long, or is aborted before */
export function within<T>(answer: Promise<T>, ms: number, signal?: AbortSignal): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return resolve(undefined);
    const end = (settle: () => void) => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', giveUp);
      settle();
    };
    const giveUp = () => end(() => resolve(undefined));
    const timer = setTimeout(giveUp, ms);
    signal?.addEventListener('abort', giveUp, { once: true });
    answer.then(
      (value) => end(() => resolve(value)),
      (error: unknown) => end(() => reject(error)),
    );
  });
}

/** Resolves early when it is aborted; at once for a time that is past. */
export async function sleep(ms: number, signal: AbortSignal): Promise<void> {
  if (ms > 0) await within(new Promise(() => {}), ms, signal);
}
