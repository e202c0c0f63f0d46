/** One of the component schemas as a JSON body, with examples by their names. */
export function jsonContent(schema: string, examples: Readonly<Record<string, object>>): object {
  return {
    'application/json': {
      schema: { $ref: `#/components/schemas/${schema}` },
      examples: Object.fromEntries(Object.entries(examples).map(([name, value]) => [name, { value }])),
    },
  };
}
