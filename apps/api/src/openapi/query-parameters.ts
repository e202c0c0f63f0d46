import type { z } from 'zod';
import { jsonSchema } from './schemas.ts';

interface ObjectSchema {
  readonly properties: Readonly<Record<string, { readonly description?: string }>>;
}

/** The parameters of a query, each of which may be left out. */
export function queryParameters(schema: z.ZodType): object[] {
  const { properties } = jsonSchema(schema, 'input') as ObjectSchema;
  return Object.entries(properties).map(([name, { description, ...rest }]) => ({
    ...{ name, in: 'query', required: false },
    ...(description !== undefined && { description }),
    schema: rest,
  }));
}
