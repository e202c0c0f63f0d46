import { Registry } from 'prom-client';
import { expect, it } from 'vitest';
import { providerMetrics } from '../src/provider-metrics.ts';
import { silent } from './system.ts';

it('a provider may say anything, but only so many codes become labels', async () => {
  const registry = new Registry();
  const store = { scopes: async () => [] } as never;
  const { called } = providerMetrics(registry, store, silent);
  for (let n = 0; n < 500; n += 1) called('payment', { kind: 'rejected', code: `code_${n}`, durationMs: 1 });
  called('payment', { kind: 'rejected', code: 'x'.repeat(500), durationMs: 1 });
  const text = await registry.getSingleMetricAsString('holdfast_provider_calls_total');
  const lines = text.split('\n').filter((line) => line.startsWith('holdfast_provider_calls_total{'));
  expect(lines.length).toBeLessThanOrEqual(51);
  expect(lines.find((line) => line.includes('code="other"'))).toMatch(/ 451$/);
});
