import { waitFor } from '@holdfast/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { hashPassword } from '../src/index.ts';
import { startBrowser } from './support/browser.ts';
import {
  basic,
  PASSWORD,
  startTestDashboard,
  type TestDashboard,
  USER,
  VIEWER,
} from './support/test-dashboard.ts';

const CY = 'a third long phrase';
const PROXY = '127.0.0.9';

let dashboard: TestDashboard;
beforeAll(async () => {
  dashboard = await startTestDashboard({
    HOLDFAST_DASHBOARD_LOGINS: `cy:admin:${await hashPassword(CY)} dan:viewer:${await hashPassword(CY)} eve:admin`,
    HOLDFAST_DASHBOARD_TRUSTED_HEADER: 'X-Forwarded-User',
    HOLDFAST_TRUSTED_PROXIES: PROXY,
  });
});
afterAll(() => dashboard.stop());

/** Of a form that only admins may send; it is about a provider that there is none of. */
const write = async (from: string, headers: Record<string, string | undefined>) => {
  const form = { provider: 'nobody' };
  return (await dashboard.ask({ path: '/providers/reopen', form, from, headers })).status;
};
const look = async (from: string, headers: Record<string, string | undefined>) =>
  (await dashboard.ask({ path: '/runs', from, headers })).status;
const as = (user: string, password: string) => ({ authorization: basic(user, password) });
const named = (user: string) => ({ authorization: undefined, 'x-forwarded-user': user });

test('each login has its own password and role', async () => {
  expect(await look('127.0.0.31', as('cy', CY))).toBe(200);
  expect(await write('127.0.0.31', as('cy', CY))).toBe(404);
  expect(await look('127.0.0.31', as('dan', CY))).toBe(200);
  expect(await write('127.0.0.31', as('dan', CY))).toBe(403);
  expect(await look('127.0.0.31', as('cy', `${CY}x`))).toBe(401);
  expect(await look('127.0.0.31', as('nobody', CY))).toBe(401);
  // without a password nobody logs in by one
  expect(await look('127.0.0.31', as('eve', ''))).toBe(401);
});

test('a trusted proxy says who it is; nobody else does', async () => {
  expect(await look(PROXY, named('eve'))).toBe(200);
  expect(await write(PROXY, named('eve'))).toBe(404);
  expect(await look(PROXY, named('somebody@example.com'))).toBe(200);
  expect(await write(PROXY, named('somebody@example.com'))).toBe(403);
  expect(await look('127.0.0.32', named('eve'))).toBe(401);
  expect(await look(PROXY, { authorization: undefined })).toBe(401);
  expect(await look(PROXY, { ...named('eve, cy') })).toBe(401);
  expect(await look(PROXY, as(USER, PASSWORD))).toBe(200);
  // the proxy is the peer, and not who a header says came through it
  expect(await look('127.0.0.32', { ...named('eve'), 'x-forwarded-for': PROXY })).toBe(401);
});

test('who logged in and was locked out is shown to admins', async () => {
  await look('127.0.0.33', as(VIEWER.user, VIEWER.password));
  await Promise.all(Array.from({ length: 10 }, () => look('127.0.0.33', as('cy', 'wrong'))));
  const rows = await waitFor(
    async () => {
      const { text } = await dashboard.ask({ path: '/logins', headers: { accept: 'text/html' } });
      const found = [...text.matchAll(/<tr>.*<\/tr>/g)].map(([row]) => row.replaceAll(/<[^>]+>/g, ' '));
      return found.some((row) => row.includes('locked out')) ? found : undefined;
    },
    { what: 'the lockout on the page' },
  );
  expect(rows.find((row) => row.includes('locked out'))).toMatch(/cy\s.*127\.0\.0\.33/);
  expect(rows.filter((row) => row.includes(VIEWER.user))).toHaveLength(1);
  const headers = as(VIEWER.user, VIEWER.password);
  expect((await dashboard.ask({ path: '/logins', headers })).status).toBe(403);
});

test('logging out makes a browser forget the password', async () => {
  const browser = await startBrowser();
  try {
    const page = await browser.newPage();
    page.setDefaultTimeout(8_000);
    const { host } = new URL(dashboard.url);
    await page.goto(`http://${VIEWER.user}:${encodeURIComponent(VIEWER.password)}@${host}/runs`);
    expect((await page.goto(`${dashboard.url}/runs`))?.status()).toBe(200);
    const answer = page.waitForResponse((response) => response.url().includes('/logout?'));
    await page.getByRole('link', { name: 'Log out' }).click();
    expect((await answer).status()).toBe(401);
    // without a window the browser cannot ask for another one
    const after = await page.goto(`${dashboard.url}/runs`).catch(() => undefined);
    expect(after?.status() ?? 401).toBe(401);
  } finally {
    await browser.close();
  }
});

test('the link of a log-out logs nobody out twice: a browser sends it again with the next password', async () => {
  const path = '/logout?once=a';
  const first = await dashboard.ask({ path });
  expect(first.status).toBe(401);
  expect(first.headers['www-authenticate']).toBe('Basic realm="Holdfast"');
  expect(first.text).toContain('You are logged out');
  const again = await dashboard.ask({ path, headers: as(VIEWER.user, VIEWER.password) });
  expect({ status: again.status, location: again.headers.location }).toEqual({ status: 303, location: '/' });
  const elsewhere = { 'sec-fetch-site': 'cross-site' };
  expect((await dashboard.ask({ path: '/logout?once=b', headers: elsewhere })).status).toBe(403);
});
