import type { Alert, AlertGroup } from './alert-store.ts';

/** What is sent: a Slack message by its `text`, an event of Standard Webhooks by the rest. */
export interface AlertMessage {
  readonly text: string;
  readonly type: `alert.${Alert['kind']}`;
  /** When the first of them happened. */
  readonly timestamp: string;
  readonly data: {
    readonly kind: Alert['kind'];
    readonly count: number;
    /** What they have in common, how many, and one of them: `flow`, `code`, `reason`, `step`, `provider`, `count`, `example`. */
    readonly groups: readonly Readonly<Record<string, string | number>>[];
  };
}

/** Past this a person does not read on; `data` has all of them. */
const GROUPS_IN_TEXT = 10;

/** @param dashboardUrl where to go from here */
export function messageOf(alert: Alert, dashboardUrl: string | undefined): AlertMessage {
  const { kind, since, groups } = alert;
  const count = groups.reduce((sum, group) => sum + group.count, 0);
  const lines = [headline(alert, count)];
  for (const group of groups.slice(0, GROUPS_IN_TEXT)) lines.push(...lineOf(kind, group));
  if (groups.length > GROUPS_IN_TEXT) lines.push(`• and ${groups.length - GROUPS_IN_TEXT} other reasons`);
  lines.push(...whatToDo(kind), ...(dashboardUrl === undefined ? [] : [dashboardUrl]));
  return {
    text: lines.map(escaped).join('\n'),
    type: `alert.${kind}`,
    timestamp: new Date(since).toISOString(),
    data: {
      ...{ kind, count },
      groups: groups.map(({ facts, count: each, example }) => ({
        ...facts,
        count: each,
        ...(example && { example }),
      })),
    },
  };
}

function headline({ kind, since, groups }: Alert, count: number): string {
  const at = `since ${new Date(since).toISOString().slice(11, 19)} UTC`;
  const providers = [...new Set(groups.map(({ facts }) => facts.provider ?? 'others'))].join(', ');
  switch (kind) {
    case 'dead_letter':
      return count === 1 ? `Holdfast: 1 run has died, ${at}` : `Holdfast: ${count} runs have died ${at}`;
    case 'breaker_opened':
      return `Holdfast: ${providers} is down, ${at}`;
    case 'credentials_refused':
      return `Holdfast: ${providers} refuses our credentials, ${at}`;
    case 'webhook_failed':
      return `Holdfast: ${count === 1 ? '1 webhook was' : `${count} webhooks were`} not handled, ${at}`;
    case 'webhook_id_reused':
      return `Holdfast: ${count === 1 ? 'a webhook was' : `${count} webhooks were`} refused, ${at}: its id belongs to another one`;
    case 'webhook_endpoint_paused':
      return `Holdfast: ${count === 1 ? 'an endpoint is' : `${count} endpoints are`} paused, ${at}: five days without a success`;
    case 'locked_out':
      return `Holdfast: ${count === 1 ? 'a dashboard login was' : `${count} dashboard logins were`} locked out after wrong passwords, ${at}`;
    case 'redis_rollback':
      return `Holdfast: Redis has lost writes that it had taken, noticed at ${at.slice(6)}`;
  }
}

function lineOf(kind: Alert['kind'], { facts, count, example }: AlertGroup): string[] {
  switch (kind) {
    case 'dead_letter': {
      const { flow, code, reason, step } = facts;
      if (flow === undefined) return [`• ${count} for other reasons`];
      return [
        `• ${flow}: ${count} × ${code} (${reason})${step ? ` at step ${step}` : ''}, such as ${example}`,
      ];
    }
    case 'credentials_refused':
      return facts.provider === undefined ? [] : [`• ${facts.provider}: ${facts.code}`];
    case 'webhook_failed':
      return facts.source === undefined
        ? [`• ${count} others`]
        : [`• ${facts.source}: ${count} × ${facts.type}, such as ${example}`];
    case 'webhook_id_reused':
      return facts.source === undefined ? [] : [`• ${facts.source}: ${count}, such as ${example}`];
    case 'webhook_endpoint_paused':
      return facts.endpoint === undefined ? [] : [`• ${facts.endpoint} of the tenant ${facts.tenant}`];
    case 'locked_out':
      return facts.user === undefined
        ? [`• ${count} others`]
        : [`• ${facts.user}: ${count}, such as from ${example}`];
    case 'breaker_opened':
    case 'redis_rollback':
      return [];
  }
}

function whatToDo(kind: Alert['kind']): string[] {
  switch (kind) {
    case 'dead_letter':
      return ['A person has to decide: redrive them once the cause is fixed.'];
    case 'breaker_opened':
      return ['Its calls are held back and go on by themselves once it is back.'];
    case 'credentials_refused':
      return ['Runs that need it fail until the credentials are fixed.'];
    case 'webhook_failed':
      return [
        'Their mapping threw. Fix it in the config, then rerun their runs (`runs list --flow webhook --status failed`).',
      ];
    case 'webhook_id_reused':
      return ['The same id with another body: ask the sender why, or rotate the secret if it was not them.'];
    case 'webhook_endpoint_paused':
      return ['Its events are kept. Make it active once it answers again: PATCH /v1/webhook-endpoints/{id}.'];
    case 'locked_out':
      return ['Somebody guesses passwords, or forgot one: the page Logins has the addresses.'];
    case 'redis_rollback':
      return [
        'Effects under way are checked with their providers. Accepted runs may be gone: compare with your own records.',
      ];
  }
}

/** Slack's three control characters: what a provider or a flow is called shall not mention a channel. */
function escaped(line: string): string {
  return line.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
