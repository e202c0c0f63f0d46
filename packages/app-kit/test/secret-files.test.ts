import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { waitFor } from '@holdfast/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { ConfigError, createLogger, port, readConfig, redisUrl, watchSecretFiles } from '../src/index.ts';

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'holdfast-secrets-'));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

async function file(name: string, content: string): Promise<string> {
  const path = join(dir, name);
  await writeFile(path, content);
  return path;
}

const SHAPE = {
  HOLDFAST_PAYMENT_KEY: z.string().min(8, 'expected at least 8 characters'),
  HOLDFAST_API_PORT: port.default(3000),
  HOLDFAST_REDIS_URL: redisUrl.optional(),
};

test('a variable may stand in a file, with a line break at its end', async () => {
  const path = await file('key', 'sk_test_1234\n');
  expect(readConfig(SHAPE, { HOLDFAST_PAYMENT_KEY_FILE: path })).toEqual({
    HOLDFAST_PAYMENT_KEY: 'sk_test_1234',
    HOLDFAST_API_PORT: 3000,
  });
});

test('lines count as spaces', async () => {
  const path = await file('lines', 'one two\r\n  three\n\n');
  expect(readConfig(SHAPE, { HOLDFAST_PAYMENT_KEY_FILE: path }).HOLDFAST_PAYMENT_KEY).toBe('one two three');
});

test('a variable given both ways is refused', async () => {
  const env = {
    HOLDFAST_PAYMENT_KEY: 'sk_in_env',
    HOLDFAST_PAYMENT_KEY_FILE: await file('both', 'sk_in_file'),
  };
  expect(() => readConfig(SHAPE, env)).toThrow(
    /HOLDFAST_PAYMENT_KEY: is set together with HOLDFAST_PAYMENT_KEY_FILE; set only one of them/,
  );
});

test.each([
  ['missing', undefined, /HOLDFAST_PAYMENT_KEY_FILE: cannot be read: .*\/missing \(ENOENT\)/],
  ['empty', ' \n', /HOLDFAST_PAYMENT_KEY_FILE: is empty: .*\/empty/],
  ['huge', 'x'.repeat(65_537), /HOLDFAST_PAYMENT_KEY_FILE: is larger than 64 KiB: .*\/huge/],
])('a file that is %s is refused by variable and name', async (name, content, fault) => {
  const path = content === undefined ? join(dir, name) : await file(name, content);
  expect(() => readConfig(SHAPE, { HOLDFAST_PAYMENT_KEY_FILE: path })).toThrow(fault);
});

test.each([
  ['HOLDFAST_PAYMENT_KEY', 'pa55wd1'],
  ['HOLDFAST_API_PORT', 'pa55wd'],
  ['HOLDFAST_API_PORT', 'pa55"wd'],
  ['HOLDFAST_REDIS_URL', 'http://user:pa55wd@host'],
  ['HOLDFAST_PAYMENT_KEY', 'pa55\u0000wd'],
])('what a file of %s holds is never shown', async (name, content) => {
  const path = await file('wrong', content);
  const key = name === 'HOLDFAST_PAYMENT_KEY' ? {} : { HOLDFAST_PAYMENT_KEY: 'sk_test_1234' };
  const read = () => readConfig(SHAPE, { ...key, [`${name}_FILE`]: path });
  expect(read).toThrow(ConfigError);
  expect(read).toThrow(name);
  expect(read).not.toThrow(/pa55|wd/);
});

test('a file that changes is noticed, also when another one takes its place; a change that does not fit is not the last', async () => {
  const path = await file('watched', 'one');
  const seen: string[] = [];
  const stop = watchSecretFiles({ HOLDFAST_PAYMENT_KEY_FILE: path }, createLogger('test', 'silent'), () => {
    const { HOLDFAST_PAYMENT_KEY: key } = readConfig(SHAPE, { HOLDFAST_PAYMENT_KEY_FILE: path });
    seen.push(key);
  });
  try {
    await writeFile(path, 'second key');
    await waitFor(() => seen.length === 1, { what: 'the change', timeoutMs: 10_000 });
    await writeFile(path, 'short');
    await rename(await file('other', 'third key'), path);
    await waitFor(() => seen.at(-1) === 'third key', { what: 'the replacement', timeoutMs: 10_000 });
    expect(seen).toEqual(['second key', 'third key']);
  } finally {
    stop();
  }
});
