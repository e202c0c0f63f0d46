import http from 'node:http';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  basic,
  PASSWORD,
  startTestDashboard,
  type TestDashboard,
  USER,
  VIEWER,
} from './support/test-dashboard.ts';

let dashboard: TestDashboard;
beforeAll(async () => {
  dashboard = await startTestDashboard();
});
afterAll(() => dashboard.stop());

/** @param from a loopback address: each is a client of its own */
function logIn(from: string, user: string, password: string): Promise<http.IncomingMessage> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: basic(user, password) };
    http
      .get(`${dashboard.url}/runs`, { localAddress: from, headers, agent: false }, (response) => {
        response.resume().on('end', () => resolve(response));
      })
      .on('error', reject);
  });
}

test('who guesses is locked out, from that address and as that user alone', async () => {
  const wrong = await Promise.all(Array.from({ length: 10 }, () => logIn('127.0.0.21', USER, 'wrong')));
  expect(wrong.map(({ statusCode }) => statusCode)).toEqual(Array(10).fill(401));

  // the right one too: a lock that lets it in would tell it
  const locked = await logIn('127.0.0.21', USER, PASSWORD);
  expect(locked.statusCode).toBe(429);
  expect(Number(locked.headers['retry-after'])).toBeGreaterThan(600);
  expect(locked.headers['www-authenticate']).toBeUndefined();

  expect((await logIn('127.0.0.21', VIEWER.user, VIEWER.password)).statusCode).toBe(200);
  expect((await logIn('127.0.0.22', USER, PASSWORD)).statusCode).toBe(200);
});

test('names that nobody has count together', async () => {
  await Promise.all(Array.from({ length: 10 }, (_, n) => logIn('127.0.0.23', `user${n}`, 'wrong')));
  expect((await logIn('127.0.0.23', 'one more', 'wrong')).statusCode).toBe(429);
  expect((await logIn('127.0.0.23', USER, PASSWORD)).statusCode).toBe(200);
});

test('the right one forgets the wrong ones', async () => {
  for (let round = 0; round < 3; round += 1) {
    await Promise.all(Array.from({ length: 4 }, () => logIn('127.0.0.24', USER, 'wrong')));
    expect((await logIn('127.0.0.24', USER, PASSWORD)).statusCode).toBe(200);
  }
});

test('one login cannot follow everything there is', async () => {
  const open: http.ClientRequest[] = [];
  const follow = () =>
    new Promise<number | undefined>((resolve, reject) => {
      const headers = { authorization: basic(VIEWER.user, VIEWER.password) };
      const request = http.get(`${dashboard.url}/events`, { headers, agent: false }, (response) => {
        response.resume();
        resolve(response.statusCode);
      });
      request.on('error', (error) => (request.destroyed ? resolve(undefined) : reject(error)));
      open.push(request);
    });
  try {
    const statuses = await Promise.all(Array.from({ length: 200 }, follow));
    expect(new Set(statuses)).toEqual(new Set([200]));
    expect(await follow()).toBe(429);
    const other = await dashboard.ask({ path: '/runs' });
    expect(other.status).toBe(200);
  } finally {
    for (const request of open) request.destroy();
  }
});
