import { setTimeout as delay } from 'node:timers/promises';

const EVERY_MS = 25;

/**
 * Asks until the answer is there, and returns it.
 * @throws Error saying what was waited for in vain
 */
export async function waitUntil<T>(
  ask: () => Promise<T | undefined>,
  {
    what,
    timeoutMs,
    signal,
  }: { readonly what: string; readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<T> {
  const giveUpAt = performance.now() + timeoutMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (performance.now() > giveUpAt) throw new Error(`waited ${timeoutMs / 1000} s in vain for ${what}`);
    await delay(EVERY_MS, undefined, { signal });
  }
}
