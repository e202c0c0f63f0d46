import { orderContract, paymentContract, refundContract } from '@holdfast/flows';
import { createConfig, lintFromString } from '@redocly/openapi-core';
import { expect, test } from 'vitest';
import { shopRoutes } from '../src/index.ts';
import { openApiDocument } from '../src/openapi/document.ts';

test.each([
  ['of the shop', [orderContract, paymentContract, refundContract], [shopRoutes]],
  ['of one flow', [orderContract], []],
  ['of a system without flows', [], []],
])(
  'the document %s has nothing that Redocly recommends against',
  async (_whose, flows, routes) => {
    const config = await createConfig({
      extends: ['recommended'],
      rules: {
        // where the API is reached is the affair of whoever runs it
        'no-server-example.com': 'off',
        // health and descriptions answer 200 or are away
        'operation-4xx-response': 'off',
      },
    });
    const source = JSON.stringify(openApiDocument(flows, routes));
    const problems = await lintFromString({ source, config });
    const told = problems.map(
      ({ ruleId, message, location }) => `${ruleId}: ${message} (${location[0]?.pointer})`,
    );
    expect([...new Set(told)]).toEqual([]);
  },
  60_000,
);
