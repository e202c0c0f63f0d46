import { problemResponses } from './problem-responses.ts';

const PARAMETER = {
  name: 'Idempotency-Key',
  in: 'header',
  required: false,
  description:
    'Optional. 1 to 255 visible ASCII characters, bare or as a quoted structured-field string. The same request with the same key is ' +
    'answered the same for 24 h, with `Idempotent-Replayed: true`, and nothing is done again. A request that was refused leaves the key free.',
  schema: { type: 'string', minLength: 1 },
  example: 'redrive-2026-03-02',
};

const REPLAYED = {
  'Idempotent-Replayed': {
    description: '`true` when this is the answer to a request that came before.',
    schema: { type: 'string', enum: ['true'] },
  },
};

interface Response {
  readonly description: string;
  readonly headers?: Readonly<Record<string, object>>;
  readonly content?: Readonly<Record<string, { readonly examples?: object }>>;
}
interface Post {
  /** Empty: open to everyone. */
  readonly security?: readonly object[];
  readonly parameters?: readonly { readonly name?: string }[];
  readonly responses: Readonly<Record<string, Response>>;
}

/** Their runs have keys of their own. */
const KEYS_INSIDE: ReadonlySet<string> = new Set(['/v1/runs/bulk']);

/** Adds the key to every POST behind an API key that has none of its own. */
export function withIdempotencyKeys(paths: Record<string, object>): Record<string, object> {
  return Object.fromEntries(
    Object.entries(paths).map(([path, item]) => {
      const { post } = item as { readonly post?: Post };
      const hasOwn = KEYS_INSIDE.has(path) || post?.parameters?.some(({ name }) => name === PARAMETER.name);
      if (!post || hasOwn || post.security?.length === 0) return [path, item];
      return [path, { ...item, post: withKey(post) }];
    }),
  );
}

function withKey(post: Post): Post {
  const responses: Record<string, Response> = {};
  for (const [status, response] of Object.entries(post.responses))
    responses[status] = status.startsWith('2')
      ? { ...response, headers: { ...response.headers, ...REPLAYED } }
      : response;
  const more = problemResponses('idempotency_key_invalid', 'request_in_progress', 'idempotency_key_reused');
  for (const [status, response] of Object.entries(more as Record<string, Response>))
    responses[status] = together(responses[status], response);
  return { ...post, parameters: [...(post.parameters ?? []), PARAMETER], responses };
}

const PROBLEM = 'application/problem+json';

function together(first: Response | undefined, more: Response): Response {
  if (!first) return more;
  const content = {
    ...first.content?.[PROBLEM],
    examples: { ...first.content?.[PROBLEM]?.examples, ...more.content?.[PROBLEM]?.examples },
  };
  return {
    ...first,
    description: `${first.description} ${more.description}`,
    content: { ...first.content, [PROBLEM]: content },
  };
}
