/** A run as a response's content, with examples by their names. */
export function runContent(examples: Record<string, object>): object {
  return {
    'application/json': {
      schema: { $ref: '#/components/schemas/Run' },
      examples: Object.fromEntries(Object.entries(examples).map(([name, value]) => [name, { value }])),
    },
  };
}
