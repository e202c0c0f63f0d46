import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestDashboard, type TestDashboard } from './support/test-dashboard.ts';

let dashboard: TestDashboard;
beforeAll(async () => {
  dashboard = await startTestDashboard();
});
afterAll(() => dashboard.stop());

test('a dashboard as it runs anywhere but under npm start and dev breaks nothing', async () => {
  expect((await dashboard.ask({ path: '/' })).text).not.toContain('Break something');
  for (const action of ['kill-worker', 'take-down', 'lose-reply', 'decline-card', 'bring-back', 'next-due'])
    expect((await dashboard.ask({ path: `/faults/${action}`, form: { provider: 'payment' } })).status).toBe(
      404,
    );
});
