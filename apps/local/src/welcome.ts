import type { Processes } from './processes.ts';
import { SAMPLE_ORDER } from './sample-order.ts';
import { colors, rows } from './terminal.ts';

/** What is shown once everything is ready: where it is, how to use it, how to stop it. */
export function welcome(
  { apiKey, redis, sandbox, api, dashboard, workers }: Processes,
  home: string,
  flows: readonly string[],
): string {
  return `
${rows([
  ['API', `${api.url}  (${api.url}/docs)`],
  ['Dashboard', `${dashboard.url}  (user ${dashboard.user}, password ${dashboard.password})`],
  ...(sandbox ? [['Sandbox', `${sandbox.url}  (mail: ${sandbox.smtpUrl})`] as const] : []),
  ['Redis', withoutPassword(redis.url)],
  ['Workers', String(workers.length)],
  ['API key', apiKey],
  ['Data, logs', home],
])}

${howToSend(api.url, apiKey, flows)}

Watch it at ${colors.cyan(dashboard.url)}. Ctrl-C stops everything; the data stays.
Holdfast is ready`;
}

/** An order where the config takes orders; else a run of its first flow, with nothing in it yet. */
function howToSend(apiUrl: string, apiKey: string, flows: readonly string[]): string {
  const [first = 'order'] = flows;
  const [what, path, body] = flows.includes('order')
    ? ['Send an order', '/v1/orders', SAMPLE_ORDER]
    : [`Run the flow ${first}`, `/v1/flows/${first}/runs`, first === 'hello' ? { name: 'Ada' } : {}];
  const curl = [
    `curl -i ${apiUrl}${path}`,
    `-H 'Authorization: Bearer ${apiKey}'`,
    `-H 'Idempotency-Key: ${first}-1001'`,
    `-H 'Content-Type: application/json'`,
    `-d '${JSON.stringify(body)}'`,
  ].join(' ');
  return `${what}:\n\n${curl}`;
}

function withoutPassword(urls: string): string {
  return urls.replaceAll(/:[^:/@]*@/g, ':…@');
}
