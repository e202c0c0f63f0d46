import { failureOfStatus, retryAfterMs } from './http-status.ts';
import type { HoldfastFailure } from './shape.ts';

const MAX_EXCERPT_BYTES = 2_048;
const MAX_READ_MS = 2_000;

/**
 * What a `fetch` response says of the effect. Throw what it returns:
 *
 * ```ts
 * const failure = await outcomeOf(response);
 * if (failure) throw failure;
 * ```
 *
 * Its code is `http_<status>`; `retryAfter` is read from Retry-After, at most a day; `details` hold the status and the first 2 KiB of the
 * body, which is read for 2 s at most.
 * @returns undefined for a response that is ok, whose body is then unread
 */
export async function outcomeOf(response: Response): Promise<HoldfastFailure | undefined> {
  if (response.ok) return undefined;
  const { status } = response;
  const body = await excerptOf(response);
  return failureOfStatus(
    status,
    {
      code: `http_${status}`,
      message: `the server answered ${status}`,
      details: { status, ...(body !== '' && { body }) },
    },
    retryAfterMs(response.headers.get('retry-after')),
  );
}

async function excerptOf({ body, bodyUsed }: Response): Promise<string> {
  if (!body || bodyUsed || body.locked) return '';
  const reader = body.getReader();
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  const tooSlow = setTimeout(() => void reader.cancel().catch(() => {}), MAX_READ_MS);
  try {
    while (bytes < MAX_EXCERPT_BYTES) {
      const { done, value } = await reader.read();
      if (done) break;
      chunks.push(value);
      bytes += value.length;
    }
  } catch {
    // the status is what counts; so much of the body as came is shown
  } finally {
    clearTimeout(tooSlow);
    void reader.cancel().catch(() => {});
  }
  return Buffer.concat(chunks).subarray(0, MAX_EXCERPT_BYTES).toString('utf8');
}
