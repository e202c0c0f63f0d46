import type { Processes } from './processes.ts';
import { SAMPLE_ORDER } from './sample-order.ts';
import { colors, rows } from './terminal.ts';

/** What is shown once everything is ready: where it is, how to use it, how to stop it. */
export function welcome(
  { apiKey, redis, sandbox, api, dashboard, workers }: Processes,
  home: string,
): string {
  return `
${rows([
  ['API', `${api.url}  (${api.url}/docs)`],
  ['Dashboard', `${dashboard.url}  (user ${dashboard.user}, password ${dashboard.password})`],
  ['Sandbox', `${sandbox.url}  (mail: ${sandbox.smtpUrl})`],
  ['Redis', withoutPassword(redis.url)],
  ['Workers', String(workers.length)],
  ['API key', apiKey],
  ['Data, logs', home],
])}

Send an order:

${curlLine(api.url, apiKey)}

Watch it at ${colors.cyan(dashboard.url)}. Ctrl-C stops everything; the data stays.
Holdfast is ready`;
}

function curlLine(apiUrl: string, apiKey: string): string {
  return [
    `curl -i ${apiUrl}/v1/orders`,
    `-H 'Authorization: Bearer ${apiKey}'`,
    `-H 'Idempotency-Key: order-1001'`,
    `-H 'Content-Type: application/json'`,
    `-d '${JSON.stringify(SAMPLE_ORDER)}'`,
  ].join(' ');
}

function withoutPassword(urls: string): string {
  return urls.replaceAll(/:[^:/@]*@/g, ':…@');
}
