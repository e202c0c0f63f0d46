import type { Reopened, SharedStore } from './shared-store.ts';

/** What opening a provider came to, for one of its accounts. */
export type ReopenedAccount = Reopened & { readonly account: string };

/**
 * Opens gate and breaker of a provider, of all its accounts, for all workers: within a second for new calls; runs that were put off come
 * back within a minute.
 * @returns undefined for a provider that was not called in the last week
 */
export async function reopenProvider(
  store: SharedStore,
  provider: string,
): Promise<readonly ReopenedAccount[] | undefined> {
  const scopes = (await store.scopes()).filter((scope) => scope.split('@')[0] === provider);
  if (scopes.length === 0) return undefined;
  return Promise.all(
    scopes.map(async (scope) => ({ account: scope.split('@')[1] ?? '', ...(await store.reopen(scope)) })),
  );
}
