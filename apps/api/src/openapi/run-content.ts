import { jsonContent } from './json-content.ts';

/** A run as a response's content, with examples by their names. */
export function runContent(examples: Readonly<Record<string, object>>): object {
  return jsonContent('Run', examples);
}
