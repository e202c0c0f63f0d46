import { createHash } from 'node:crypto';

/**
 * What the client knows of the API: the document without a project's flows, because those come from the type of the config.
 * @param {object} document the OpenAPI document of an API without flows
 */
export function clientDocument(document) {
  const { '/v1/flows/{flow}/runs': submit, ...paths } = structuredClone(document.paths);
  for (const parameter of submit.post.parameters) {
    if (parameter.name === 'flow') parameter.schema = { type: 'string' };
  }
  submit.post.requestBody.content['application/json'].schema = {};
  return { ...document, paths: { '/v1/flows/{flow}/runs': submit, ...paths } };
}

/** Names exactly this document; the generated file carries it, and a test compares. */
export function hashOf(document) {
  return createHash('sha256').update(JSON.stringify(document)).digest('hex');
}
