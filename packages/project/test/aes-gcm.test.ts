import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { waitFor } from '@holdfast/testkit';
import { afterAll, expect, it } from 'vitest';
import { aesGcm, checkCodec } from '../src/index.ts';

const keyOf = (id: string, byte: number) => `${id}:${Buffer.alloc(32, byte).toString('base64')}`;
const OLD = keyOf('old', 1);
const NEW = keyOf('new', 2);
const place = { runId: 'run_1', field: 's:charge' };
const folder = mkdtempSync(join(tmpdir(), 'holdfast-keys-'));
afterAll(() => rmSync(folder, { recursive: true }));

const withKeys = (keys: string) => aesGcm({ env: { HOLDFAST_ENCRYPTION_KEYS: keys } });

it('decrypts what it has encrypted, where it was put and nowhere else', () => {
  const codec = withKeys(OLD);
  const coded = codec.encode('{"a":1}', place);
  expect(String(coded)).not.toContain('{"a":1}');
  expect(codec.encode('{"a":1}', place)).not.toBe(coded);
  expect(codec.decode(String(coded), place)).toBe('{"a":1}');
  for (const other of [
    { ...place, runId: 'run_2' },
    { ...place, field: 's:refund' },
  ])
    expect(() => codec.decode(String(coded), other)).toThrow();
  expect(() => codec.decode(`${coded}A`, place)).toThrow();
});

it('encrypts with the first key and decrypts with any', () => {
  const before = String(withKeys(OLD).encode('1', place));
  expect(withKeys(`${NEW},${OLD}`).decode(before, place)).toBe('1');
  const after = String(withKeys(`${NEW},${OLD}`).encode('1', place));
  expect(after).toMatch(/^v1\.new\./);
  expect(() => withKeys(OLD).decode(after, place)).toThrow(/HOLDFAST_ENCRYPTION_KEYS/);
});

it('uses the keys of a file soon after it has changed', async () => {
  const file = join(folder, 'keys');
  writeFileSync(file, OLD);
  const codec = aesGcm({ env: { HOLDFAST_ENCRYPTION_KEYS_FILE: file } });
  expect(String(codec.encode('1', place))).toMatch(/^v1\.old\./);
  writeFileSync(file, `${NEW}\n${OLD}`.replace('\n', ',\n'));
  await waitFor(() => String(codec.encode('1', place)).startsWith('v1.new.'), { what: 'the new key' });
  // one that is away for a moment changes nothing
  rmSync(file);
  await new Promise((resolve) => setTimeout(resolve, 1_100));
  expect(String(codec.encode('1', place))).toMatch(/^v1\.new\./);
});

it('says what is missing, and nothing of the keys', () => {
  expect(() => checkCodec(aesGcm({ env: {} }))).toThrow(
    /HOLDFAST_ENCRYPTION_KEYS: is missing; expected id:base64/,
  );
  expect(() => checkCodec(withKeys('k:c2VjcmV0'))).toThrow(/HOLDFAST_ENCRYPTION_KEYS: expected id:base64/);
  expect(() => checkCodec(withKeys('k:c2VjcmV0'))).not.toThrow(/c2VjcmV0/);
});

it('finds a codec that does not give back what it was given', () => {
  expect(() => checkCodec({ encode: (plain) => plain, decode: () => '{}' })).toThrow(
    /`decode` must undo `encode`/,
  );
  expect(() =>
    checkCodec({
      encode: () => {
        throw new Error('no HSM');
      },
      decode: (coded) => coded,
    }),
  ).toThrow("the config's `codec` does not work: no HSM");
  expect(() => checkCodec({ encode: (plain) => plain, decode: (coded) => coded })).not.toThrow();
  expect(() => checkCodec(undefined)).not.toThrow();
});
