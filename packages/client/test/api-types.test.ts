import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { openApiDocument } from '../../../apps/api/src/openapi/document.ts';
import { clientDocument, hashOf } from '../../../tools/openapi-types/document.mjs';

test('the types are those of the OpenAPI document: else run `npm ci && npm run generate` in tools/openapi-types', async () => {
  const source = await readFile(new URL('../src/api-types.ts', import.meta.url), 'utf8');
  const generatedFrom = /sha256 ([0-9a-f]{64})/.exec(source)?.[1];
  expect(generatedFrom).toBe(hashOf(clientDocument(openApiDocument([], []))));
});
