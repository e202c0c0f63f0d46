import { setTimeout as delay } from 'node:timers/promises';

/**
 * Asks until the answer is truthy, and returns it.
 * @param options.what names what is waited for, in the error
 * @param options.timeoutMs default 10 000
 * @throws Error with the last answer or error when it stays falsy
 */
export async function waitFor<T>(
  ask: () => T | Promise<T>,
  options: { readonly what: string; readonly timeoutMs?: number; readonly everyMs?: number },
): Promise<Exclude<T, undefined | null | false | 0 | ''>> {
  const timeoutMs = options.timeoutMs ?? 10_000;
  const giveUpAt = performance.now() + timeoutMs;
  let last: unknown;
  while (performance.now() < giveUpAt) {
    try {
      const answer = await ask();
      if (answer) return answer as Exclude<T, undefined | null | false | 0 | ''>;
      last = answer;
    } catch (error) {
      last = error;
    }
    await delay(options.everyMs ?? 10);
  }
  const seen = last instanceof Error ? (last.stack ?? last.message) : JSON.stringify(last);
  throw new Error(`waited ${timeoutMs} ms for ${options.what}; last seen: ${seen}`);
}
