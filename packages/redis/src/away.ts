/** What Redis says when it is there, and cannot do its work for the moment, or not for us. */
const NOT_NOW =
  /^(READONLY|OOM|LOADING|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|NOREPLICAS|MISCONF|BUSY|MOVED|ASK|NOAUTH|NOPERM|WRONGPASS|DENIED|EXECABORT|UNBLOCKED)\b/;
const NETWORK =
  /^(E(CONN\w+|PIPE|TIMEDOUT|NOTFOUND|AI_AGAIN|HOSTUNREACH|NETUNREACH|ADDRNOTAVAIL)|NR_CLOSED|ERR_SOCKET\w*|ERR_TLS\w*)$/;
/** ioredis has words only, and no codes. */
const WORDS =
  /^(Connection is closed|Stream isn't writeable|Command timed out|Reached the max retries per request|None of startup nodes|Failed to refresh slots cache|Cluster (isn't ready|is ended)|All sentinels are unreachable|Too many Cluster redirections|Socket closed|connect ETIMEDOUT|Connection timeout)/i;
const NAMES = new Set(['MaxRetriesPerRequestError', 'ClusterAllFailedError', 'AbortError', 'TimeoutError']);

/** Whether Redis did not do something because it is unreachable, full, read-only, loading or closed to us: not because of what it was asked. */
export function isRedisAway(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  return (
    NOT_NOW.test(error.message) || NETWORK.test(code) || NAMES.has(error.name) || WORDS.test(error.message)
  );
}
