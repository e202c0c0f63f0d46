import http from 'node:http';
import { waitFor } from '@holdfast/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type Answer,
  type Ask,
  basic,
  IN_DOUBT,
  type OrderWorker,
  PASSWORD,
  startOrderWorker,
  startTestDashboard,
  type TestDashboard,
  USER,
  VIEWER,
} from './support/test-dashboard.ts';

let dashboard: TestDashboard;
let worker: OrderWorker;
beforeAll(async () => {
  dashboard = await startTestDashboard();
  worker = startOrderWorker(dashboard.redis.url);
});
afterAll(async () => {
  await worker.stop();
  await dashboard.stop();
});

const page = (path: string, headers: Ask['headers'] = {}) =>
  dashboard.ask({ path, headers: { accept: 'text/html', ...headers } });
const asViewer = { authorization: basic(VIEWER.user, VIEWER.password) };

async function until(runId: string, status: string): Promise<string> {
  await waitFor(async () => (await worker.statusOf(runId)) === status, { what: `${runId} to be ${status}` });
  return runId;
}

const dead = async (key: string) => until(await worker.submit(key), 'dead');

/** Submits a page's form, as a browser does. @returns the page it leads to */
async function submit(path: string, form: Record<string, string>): Promise<Answer> {
  const headers = { origin: dashboard.url, 'sec-fetch-site': 'same-origin', accept: 'text/html' };
  const { status, headers: answered } = await dashboard.ask({ path, form, headers });
  expect({ path, status }).toEqual({ path, status: 303 });
  return page(answered.location ?? '');
}

describe('before anything has run', () => {
  test('the overview says so in words', async () => {
    const { status, text, headers } = await page('/');
    expect(status).toBe(200);
    for (const words of [
      'No dead letters; nothing is under way',
      'Nothing is dead.',
      'Nothing waits.',
      'No runs yet.',
    ]) {
      expect(text).toContain(words);
    }
    expect(headers).toMatchObject({ 'cache-control': 'no-store', 'x-frame-options': 'DENY' });
    expect(headers['content-security-policy']).toBe(
      "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; " +
        "base-uri 'none'; frame-ancestors 'none'",
    );
    expect(text).not.toMatch(
      /<script(?! src="\/assets\/)|<style|\sstyle=|\son\w+=|https?:\/\/(?!www\.w3\.org)/,
    );
  });

  test('a run that is not there is told so', async () => {
    const { status, text } = await page('/runs/run_00000000000000000000000000000000');
    expect(status).toBe(404);
    expect(text).toContain('There is no such run');
    expect((await page('/runs')).text).toContain('No runs yet.');
    expect((await page('/runs?cursor=rubbish')).status).toBe(400);
    expect((await page('/runs?status=rubbish')).status).toBe(400);
  });
});

describe('a dead run', () => {
  let runId: string;
  beforeAll(async () => {
    runId = await dead('<script>alert("1")</script>');
  });

  test('says where it stands, what can be done and what happened, without a payload that tells a person', async () => {
    const { status, text } = await page(`/runs/${runId}`);
    expect(status).toBe(200);
    expect(text).toMatch(
      /Dead since \d\d:\d\d UTC: the flow&#39;s own code failed at charge: the price is not a number/,
    );
    expect(text).toContain('charge is sent again under the same key');
    expect(text).toContain('There is nothing to undo.');
    expect(text).toMatch(/alt="[^"]+charge \(in doubt\): [^"]+dead\."/);
    expect(text).toContain('&#34;paymentMethod&#34;: &#34;[redacted]&#34;');
    expect(text).toContain('&#34;sku&#34;: &#34;TEE-M&#34;');
    expect(text).not.toMatch(/Ada Canary|ada@example|pm_card|<script>alert/);
  });

  test('has a picture that can do nothing but be looked at', async () => {
    const { status, headers, text } = await page(`/runs/${runId}/timeline.svg?width=328`);
    expect([status, headers['content-type']]).toEqual([200, 'image/svg+xml; charset=utf-8']);
    expect(headers['content-security-policy']).toMatch(
      /^default-src 'none'; style-src 'unsafe-inline'; sandbox/,
    );
    expect(text).toMatch(/^<svg [^>]*width="328"/);
  });

  test('is found by its key, its id, its status and its reason', async () => {
    for (const query of [
      { key: '<script>alert("1")</script>' },
      { status: 'dead' },
      { code: 'type_error', flow: 'order', status: '' },
    ]) {
      const { text } = await page(`/runs?${new URLSearchParams(query)}`);
      expect(text).toContain(`href="/runs/${runId}"`);
      expect(text).not.toContain('<script>alert');
    }
    expect((await page('/runs?code=other')).text).toContain('No run matches.');
    const { status, headers } = await page(`/runs?key=${runId}`);
    expect([status, headers.location]).toEqual([303, `/runs/${runId}`]);
  });

  test('is counted by its reason on the overview', async () => {
    const text = await waitFor(
      async () => {
        const { text } = await page('/');
        return text.includes('1 dead letter waits for a person') && text;
      },
      { what: 'the overview to count it' },
    );
    expect(text).toMatch(/<b class="number">1<\/b> order: .*type_error.*1 bug at charge/);
    expect(text.length).toBeLessThan(60_000);
  });

  test('is linked from its letter, and links to it', async () => {
    const { text } = await page(`/runs/${runId}`);
    expect(text).toContain(`/queues/queue/dead-letters/${runId}.d1`);
    const query = 'activeQueue=dead-letters&status=failed&page=1&jobsPerPage=10';
    const { queues } = JSON.parse((await dashboard.ask({ path: `/queues/api/queues?${query}` })).text);
    const letters = queues.find(({ name }: { name: string }) => name === 'dead-letters').jobs;
    expect(letters).toMatchObject([{ externalUrl: { href: `/runs/${runId}`, displayText: 'Its run' } }]);
  });

  test('may be looked at by a viewer, who sees no payload and can change nothing', async () => {
    const { status, text } = await page(`/runs/${runId}`, asViewer);
    expect(status).toBe(200);
    expect(text).not.toMatch(/<form method="post"|TEE-M/);
    expect(text).toContain('shown to admins only');
    expect((await page('/', asViewer)).text).not.toContain('<form method="post"');
    for (const path of ['redrive', 'cancel', 'rerun', 'resolve'].map((what) => `/runs/${runId}/${what}`)) {
      const answer = await dashboard.ask({ path, form: {}, headers: asViewer });
      expect({ path, status: answer.status }).toEqual({ path, status: 403 });
      expect(JSON.parse(answer.text)).toMatchObject({ code: 'read_only' });
    }
    const retry = `/queues/api/queues/dead-letters/${runId}.d1/retry`;
    expect((await dashboard.ask({ method: 'PUT', path: retry, headers: asViewer })).status).toBe(403);
    const bulk = { tenant: 'dev', limit: '9', ratePerSecond: '9' };
    expect(
      (await dashboard.ask({ path: '/dead-letters/redrive', form: bulk, headers: asViewer })).status,
    ).toBe(403);
    expect(await worker.statusOf(runId)).toBe('dead');
  });

  test('is left alone by forms of other sites, and by those that cannot be read', async () => {
    for (const path of [`/runs/${runId}/redrive`, '/dead-letters/redrive']) {
      for (const headers of [{ origin: 'https://evil.example' }, { 'sec-fetch-site': 'cross-site' }]) {
        expect((await dashboard.ask({ path, form: {}, headers })).status).toBe(403);
      }
    }
    const bad = { tenant: 'dev', limit: '0', ratePerSecond: '1' };
    expect((await dashboard.ask({ path: '/dead-letters/redrive', form: bad })).status).toBe(400);
    expect((await dashboard.ask({ path: `/runs/${runId}/resolve`, form: { step: 'charge' } })).status).toBe(
      400,
    );
    expect(await worker.statusOf(runId)).toBe('dead');
  });

  test('tells of its changes as they happen', async () => {
    const { text: before } = await page(`/runs/${runId}`);
    const events = /data-events="([^"]+)"/.exec(before)?.[1]?.replaceAll('&#61;', '=') ?? '';
    const { told } = await listenTo(events);
    worker.mend();
    const after = await submit(`/runs/${runId}/redrive`, {});
    expect(after.text).toContain('Redriven: the run goes on from the step that failed.');
    expect(await told).toMatch(/event: changed\n/);
    await until(runId, 'completed');
    expect(worker.charges.get(runId)).toBe(1);
  });

  test('tells who redrove it, and is not redriven twice', async () => {
    const { text } = await submit(`/runs/${runId}/redrive`, {});
    expect(text).toContain('Nothing was done: the run is no longer dead.');
    expect(text).toMatch(/ada <span class="quiet">by dashboard<\/span><\/td><td>redrive<\/td><td>redriven/);
    expect(text).toContain('Rerun: start afresh…');
    expect(text).not.toContain('data-events');
  });
});

test('a run may be started afresh, which says what happens twice', async () => {
  const runId = await until(await worker.submit('again'), 'completed');
  expect((await page(`/runs/${runId}`)).text).toContain('will be made a second time: charge.');
  expect((await submit(`/runs/${runId}/rerun`, {})).text).toContain('Started afresh.');
  await waitFor(async () => (await page(`/runs/${runId}`)).text.includes('generation 2'), {
    what: 'generation 2',
  });
  await until(runId, 'completed');
});

test('what is in doubt is resolved with what was found out, or the run is cancelled', async () => {
  const inDoubt = async (key: string) => until(await worker.submit(key, IN_DOUBT), 'dead');
  const happened = await inDoubt('happened');
  const { text } = await page(`/runs/${happened}`);
  expect(text).toContain(
    'nobody knows whether ship happened: shipping did not answer (timeout). Done and standing: charge.',
  );
  const form = { step: 'ship', outcome: 'happened' };
  const refused = async (result: string) => {
    const headers = { origin: dashboard.url, 'sec-fetch-site': 'same-origin', accept: 'text/html' };
    const path = `/runs/${happened}/resolve`;
    const { status, text } = await dashboard.ask({ path, form: { ...form, result }, headers });
    expect(status).toBe(422);
    return text;
  };
  expect(await refused('{"trackingNumber":')).toContain('The result was refused: it is not JSON.');
  expect(await refused('{}')).toContain('The result was refused: result.trackingNumber: ');
  await submit(`/runs/${happened}/resolve`, { ...form, result: '{"trackingNumber":"TRK-9"}' });
  await until(happened, 'completed');
  expect((await page(`/runs/${happened}`)).text).toContain('&#34;trackingNumber&#34;: &#34;TRK-9&#34;');
  expect(worker.charges.get(happened)).toBe(1);

  const not = await inDoubt('not');
  await submit(`/runs/${not}/resolve`, { step: 'ship', outcome: 'did_not_happen' });
  await waitFor(async () => (await page(`/runs/${not}`)).text.includes(`${not}.d2`), {
    what: 'its second death',
  });
  expect((await submit(`/runs/${not}/cancel`, {})).text).toContain(
    'Cancel requested: no further step starts',
  );
});

test('a page of the list leads on to the next', async () => {
  await Promise.all(Array.from({ length: 26 }, (_, n) => worker.submit(`list-${n}`)));
  const { text } = await page('/runs?flow=order');
  const next =
    /rel="next" href="([^"]+)"/.exec(text)?.[1]?.replaceAll('&#61;', '=').replaceAll('&#38;', '&') ?? '';
  expect(next).toContain('flow=order');
  const ids = (of: string) => [...of.matchAll(/href="\/runs\/(run_[0-9a-f]+)"/g)].map(([, id]) => id);
  const second = await page(next);
  expect(ids(text)).toHaveLength(25);
  expect(ids(second.text).length).toBeGreaterThan(4);
  expect(ids(second.text).filter((id) => ids(text).includes(id))).toEqual([]);
});

test('runs of all tenants are seen, together or one by one', async () => {
  const theirs = await until(await worker.submit('theirs', {}, 'other'), 'completed');
  expect((await page(`/runs/${theirs}`)).text).toContain('<dt>Tenant</dt><dd>other</dd>');
  const { text: all } = await page('/runs');
  expect(all).toContain('<th>Tenant</th>');
  expect(all).toContain(`/runs/${theirs}`);
  expect((await page('/runs?tenant=dev')).text).not.toContain(`/runs/${theirs}`);
  const { text } = await submit(`/runs/${theirs}/rerun`, {});
  expect(text).toContain('Started afresh.');
});

test('runs of all tenants are paged through, and found by tag, time and the beginning of a key', async () => {
  const ids = (of: string) => [...of.matchAll(/href="\/runs\/(run_[0-9a-f]+)"/g)].map(([, id]) => id);
  const tagged = await Promise.all(
    Array.from({ length: 30 }, (_, n) =>
      worker.submit(`many-${n}`, {}, `tenant-${n}`, { customer: `cus_${n % 2}` }),
    ),
  );
  const find = async (query: Record<string, string>) =>
    (await page(`/runs?${new URLSearchParams(query)}`)).text;
  const first = await find({ prefix: 'many-' });
  const next = /rel="next" href="([^"]+)"/
    .exec(first)?.[1]
    ?.replaceAll('&#38;', '&')
    .replaceAll('&#61;', '=');
  const second = (await page(next ?? '')).text;
  expect(ids(first)).toHaveLength(25);
  expect([...ids(first), ...ids(second)].toSorted()).toEqual(tagged.toSorted());
  expect(ids(await find({ key: 'many-29' }))).toEqual([tagged[29]]);
  const odd = ids(await find({ tag: 'customer:cus_1' }));
  expect(odd.toSorted()).toEqual(tagged.filter((_, n) => n % 2 === 1).toSorted());
  expect(ids(await find({ tag: 'customer:cus_1', tenant: 'tenant-3' }))).toEqual([tagged[3]]);
  const tomorrow = new Date(Date.now() + 86_400_000).toISOString().slice(0, 16);
  expect(await find({ since: tomorrow })).toContain('No run matches.');
  expect(ids(await find({ until: tomorrow, prefix: 'many-2' }))).toHaveLength(11);
  expect((await page('/runs?since=yesterday')).text).toContain('The filter could not be read: since.');
  expect((await page('/runs?tag=nonsense')).status).toBe(400);
});

test('a page stays small, whatever a run holds', async () => {
  const items = Array.from({ length: 400 }, (_, n) => ({
    sku: `"<&${'x'.repeat(80)}${n}`,
    quantity: 1,
    unitAmount: 1,
  }));
  const large = await until(await worker.submit('large', { items }), 'completed');
  const { text } = await page(`/runs/${large}`);
  expect(text).toMatch(/\d+ more characters are not shown/);
  expect(text.length).toBeLessThan(80_000);
});

/** Connects, and resolves with all that came once the first event has. */
function listenTo(path: string): Promise<{ readonly told: Promise<string> }> {
  return new Promise((connected, reject) => {
    const headers = { authorization: basic(USER, PASSWORD) };
    const request = http.get(`${dashboard.url}${path}`, { headers }, (response) => {
      connected({
        told: new Promise((resolve) => {
          let text = '';
          response.setEncoding('utf8').on('data', (chunk: string) => {
            text += chunk;
            if (!text.includes('event: changed')) return;
            resolve(text);
            request.destroy();
          });
        }),
      });
    });
    request.on('error', reject);
  });
}
