import { readOperation } from './read-operation.ts';

/** The picture of a run. */
export function timelinePath(): Record<string, object> {
  return {
    '/v1/runs/{id}/timeline.svg': {
      get: readOperation({
        operationId: 'drawRun',
        tag: 'Runs',
        summary: 'See a run as a picture',
        description:
          'Steps, attempts, waits, crashes and undos over time, for a ticket or a page; an SVG document that stands alone, in the ' +
          'colours of either theme. It shows no payload.',
        shows: 'The picture.',
        content: { 'image/svg+xml': { schema: { type: 'string' } } },
        notFound: 'run_not_found',
      }),
    },
  };
}
