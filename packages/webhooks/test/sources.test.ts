import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { checkSources, ignore, readSources, type Sources } from '../src/index.ts';

const KEY = { HOLDFAST_DEV_KEY: 'hf_local_0123456789abcdef' };

test('a source is there by the config, by the environment, or by both', () => {
  const sources: Sources = {
    shop: { scheme: 'github', secrets: ['a'], tenant: 't' },
    stripe: { scheme: 'stripe' },
  };
  const env = { ...KEY, HOLDFAST_WEBHOOK_STRIPE: 'stripe:one,two', HOLDFAST_WEBHOOK_MY_CRM: 'generic:x:y' };
  expect([...readSources(sources, env).known.values()]).toEqual([
    { name: 'shop', scheme: 'github', secrets: ['a'], tenant: 't' },
    { name: 'stripe', scheme: 'stripe', secrets: ['one', 'two'], tenant: 'dev' },
    { name: 'my-crm', scheme: 'generic', secrets: ['x:y'], tenant: 'dev' },
  ]);
});

test("the environment's secrets replace the config's", () => {
  const sources: Sources = { shop: { scheme: 'github', secrets: ['old'], tenant: 't' } };
  const { known } = readSources(sources, { HOLDFAST_WEBHOOK_SHOP: 'github:new' });
  expect(known.get('shop')?.secrets).toEqual(['new']);
});

test('one without a secret, or of no tenant, is told and takes nothing', () => {
  const { known, lacking } = readSources(
    { stripe: { scheme: 'stripe', tenant: 't' } },
    { HOLDFAST_WEBHOOK_CRM: 'generic:x' },
  );
  expect(known.size).toBe(0);
  expect(lacking).toEqual([
    expect.stringContaining('HOLDFAST_WEBHOOK_STRIPE'),
    expect.stringContaining("webhooks: { 'crm': { tenant } }"),
  ]);
});

test('the secrets may be in a file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-webhooks-'));
  const file = join(folder, 'crm');
  writeFileSync(file, 'generic:one,two\n');
  const { known } = readSources({}, { ...KEY, HOLDFAST_WEBHOOK_CRM_FILE: file });
  rmSync(folder, { recursive: true });
  expect([...known.values()]).toEqual([
    { name: 'crm', scheme: 'generic', secrets: ['one', 'two'], tenant: 'dev' },
  ]);
});

test('HOLDFAST_WEBHOOK_ALLOW is no source', () => {
  expect(readSources({}, { ...KEY, HOLDFAST_WEBHOOK_ALLOW: '10.0.0.0/8' }).known.size).toBe(0);
});

test.each([
  ['HOLDFAST_WEBHOOK_SHOP', 'verysecret'],
  ['HOLDFAST_WEBHOOK_SHOP', 'md5:verysecret'],
  ['HOLDFAST_WEBHOOK_SHOP', 'generic:'],
  ['HOLDFAST_WEBHOOK_SHOP', 'standard:verysecret'],
  ['HOLDFAST_WEBHOOK_9', 'generic:verysecret'],
])('%s=%s is refused without its value', (variable, value) => {
  const read = () => readSources({}, { ...KEY, [variable]: value });
  expect(read).toThrow(variable);
  expect(read).not.toThrow(/verysecret/);
});

test('two schemes of one source are refused', () => {
  const read = () =>
    readSources({ shop: { scheme: 'github' } }, { ...KEY, HOLDFAST_WEBHOOK_SHOP: 'generic:x' });
  expect(read).toThrow('has the scheme generic, but the config says github');
});

test.each<[unknown, RegExp]>([
  [{ allow: { scheme: 'github' } }, /another name/],
  [{ Shop: { scheme: 'github' } }, /another name/],
  [{ shop: { scheme: 'md5' } }, /webhooks\.shop\.scheme/],
  [{ shop: null }, /webhooks\.shop\.scheme/],
  [
    { shop: { scheme: 'github', on: { push: { order: 'latest', do: ignore } } } },
    /webhooks\.shop\.on\['push'\]/,
  ],
])('a config with %j says what to fix', (sources, message) => {
  expect(() => checkSources(sources as Sources)).toThrow(message);
});
