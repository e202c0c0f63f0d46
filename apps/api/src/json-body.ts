import type { InputFault } from '@holdfast/engine';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { visit } from 'jsonc-parser';
import { MAX_FAULTS } from './input-faults.ts';
import { ProblemError } from './problems.ts';

export const MAX_BODY_BYTES = 256 * 1024;
const MAX_DEPTH = 64;
/** More than any input has, and little enough to be looked at in a few milliseconds. */
const MAX_VALUES = 20_000;

declare module 'fastify' {
  interface FastifyContextConfig {
    /** `none`: nothing need be sent, with or without a Content-Type. */
    body?: 'none';
    /** Values that a body may hold, members and items counted. Default 20,000. */
    maxValues?: number;
  }
}

/** Takes JSON bodies and no others. What could be read in two ways, or harm who reads it, is refused. */
export function acceptJsonOnly(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    'application/json',
    { parseAs: 'buffer', bodyLimit: MAX_BODY_BYTES },
    async (request: FastifyRequest, body: Buffer) => {
      refuseEncodings(request);
      if (body.byteLength === 0 && request.routeOptions.config.body === 'none') return undefined;
      return parseJson(body, request.routeOptions.config.maxValues);
    },
  );
}

function refuseEncodings({ headers }: FastifyRequest): void {
  const encoding = headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity') {
    throw new ProblemError('media_type_unsupported', 'Compressed bodies are not supported.', {
      headers: { 'accept-encoding': 'identity' },
    });
  }
  const charset = /;\s*charset\s*=\s*"?([^\s";]+)/i.exec(headers['content-type'] ?? '')?.[1];
  if (charset !== undefined && !/^utf-?8$/i.test(charset)) {
    throw new ProblemError(
      'media_type_unsupported',
      'The body must be UTF-8; other charsets are not supported.',
    );
  }
}

/**
 * @throws ProblemError when the bytes are no UTF-8 or no JSON, could be read in two ways, are nested too deep or of too many values, or
 * hold a number too large for JSON's users, or a member that could reach a prototype
 */
export function parseJson(body: Uint8Array, maxValues = MAX_VALUES): unknown {
  if (body.byteLength === 0) throw new ProblemError('body_missing', 'The body is empty; send JSON.');
  const { value, text } = decode(body);
  const { ambiguous, forbidden } = findFaults(text, maxValues);
  if (ambiguous.length > 0) {
    throw new ProblemError(
      'ambiguous_json',
      'The body is ambiguous: JSON parsers disagree about the members listed in `errors`.',
      { members: { errors: ambiguous } },
    );
  }
  if (forbidden.length > 0) {
    throw new ProblemError('validation_failed', 'The body has members or values that are not allowed.', {
      members: { errors: forbidden },
    });
  }
  return value;
}

function decode(body: Uint8Array): { readonly value: unknown; readonly text: string } {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(body);
    return { value: JSON.parse(text), text };
  } catch (cause) {
    const what =
      cause instanceof SyntaxError ? 'The body is not valid JSON.' : 'The body is not valid UTF-8.';
    throw new ProblemError('body_malformed', what, { cause });
  }
}

interface Faults {
  readonly ambiguous: InputFault[];
  readonly forbidden: InputFault[];
}

/** Looks at the text, since what was parsed does not show what was dropped or rounded. @param text valid JSON */
function findFaults(text: string, maxValues: number): Faults {
  const faults: Faults = { ambiguous: [], forbidden: [] };
  const open: Set<string>[] = [];
  let values = 0;
  const say = (kind: keyof Faults, path: readonly (string | number)[], message: string) => {
    if (faults[kind].length < MAX_FAULTS) faults[kind].push({ path: path.join('.'), message });
  };
  const count = () => {
    values += 1;
    if (values > maxValues)
      throw new ProblemError('body_malformed', `The body holds more than ${maxValues} values.`);
  };
  const enter = (names: Set<string>) => {
    count();
    if (open.length >= MAX_DEPTH)
      throw new ProblemError('body_malformed', `The body is nested deeper than ${MAX_DEPTH} levels.`);
    open.push(names);
  };
  visit(text, {
    onObjectBegin: () => enter(new Set()),
    onObjectEnd: () => void open.pop(),
    onArrayBegin: () => enter(new Set()),
    onArrayEnd: () => void open.pop(),
    onObjectProperty(name, _offset, _length, _line, _character, path) {
      const names = open.at(-1);
      const at = () => [...path(), name];
      if (names?.has(name)) say('ambiguous', at(), 'this member appears twice');
      names?.add(name);
      if (!name.isWellFormed()) say('ambiguous', at(), 'unpaired surrogate');
      if (name === '__proto__') say('forbidden', at(), 'this member is not allowed');
      if (name === 'prototype' && path().at(-1) === 'constructor')
        say('forbidden', path(), 'this member is not allowed');
    },
    onLiteralValue(value: unknown, _offset, _length, _line, _character, path) {
      count();
      if (typeof value === 'string' && !value.isWellFormed()) say('ambiguous', path(), 'unpaired surrogate');
      if (typeof value !== 'number') return;
      if (!Number.isFinite(value)) say('forbidden', path(), 'the number is too large');
      else if (Number.isInteger(value) && !Number.isSafeInteger(value))
        say(
          'ambiguous',
          path(),
          'an integer past 2^53 loses precision in many JSON parsers; send it as a string',
        );
    },
  });
  return faults;
}
