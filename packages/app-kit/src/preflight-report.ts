import type { Finding } from './preflight-rules.ts';

/** One line: where, what, and what could come of it. */
export function describeFinding({ node, setting, value, risk }: Finding): string {
  return `redis ${node}: ${setting} is ${value}: ${risk}`;
}

/** Why nothing starts, for people: two lines a finding, and the ways out. */
export function refusalText(findings: readonly Finding[], durability: 'strict' | 'standard'): string {
  const lossOnly = findings.every(({ gravity }) => gravity === 'loss');
  const head = lossOnly
    ? `This Redis could lose runs that were accepted (HOLDFAST_DURABILITY is ${durability}):`
    : 'This Redis cannot be used:';
  const way = lossOnly
    ? 'Fix it and start again; redis-cli CONFIG REWRITE makes it permanent. Or set HOLDFAST_DURABILITY=standard to accept the possible loss.'
    : 'Fix it and start again.';
  return [head, ...findings.flatMap((f) => [`  ${describeFinding(f)}`, `    fix: ${f.fix}`]), way].join('\n');
}
