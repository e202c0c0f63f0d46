import type { InputFault } from '@holdfast/engine';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { ProblemError } from './problems.ts';

export const MAX_BODY_BYTES = 256 * 1024;
const MAX_DEPTH = 64;

declare module 'fastify' {
  interface FastifyContextConfig {
    /** `none`: nothing need be sent, with or without a Content-Type. */
    body?: 'none';
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
      return parseJson(body);
    },
  );
}

function refuseEncodings({ headers }: FastifyRequest): void {
  const encoding = headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity') {
    throw new ProblemError('media_type_unsupported', 'Compressed bodies are not taken.', {
      headers: { 'accept-encoding': 'identity' },
    });
  }
  const charset = /;\s*charset\s*=\s*"?([^\s";]+)/i.exec(headers['content-type'] ?? '')?.[1];
  if (charset !== undefined && !/^utf-?8$/i.test(charset)) {
    throw new ProblemError('media_type_unsupported', 'JSON is UTF-8; no other charset is taken.');
  }
}

/**
 * @throws ProblemError when the bytes are no UTF-8 or no JSON, nested too deep, hold a number too large for JSON's users, or a
 * member that could reach a prototype
 */
export function parseJson(body: Uint8Array): unknown {
  if (body.byteLength === 0) throw new ProblemError('body_missing', 'The body is empty; send JSON.');
  const value = decode(body);
  const faults = findFaults(value);
  if (faults.length > 0) {
    throw new ProblemError('validation_failed', 'The body has members or values that are not allowed.', {
      members: { errors: faults },
    });
  }
  return value;
}

function decode(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch (cause) {
    const what =
      cause instanceof SyntaxError ? 'The body is not valid JSON.' : 'The body is not valid UTF-8.';
    throw new ProblemError('body_malformed', what, { cause });
  }
}

function findFaults(root: unknown): InputFault[] {
  const faults: InputFault[] = [];
  const open: { readonly value: unknown; readonly path: readonly string[] }[] = [{ value: root, path: [] }];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { value, path } = next;
    if (typeof value === 'number' && !Number.isFinite(value)) {
      faults.push({ path: path.join('.'), message: 'the number is too large' });
    }
    if (typeof value !== 'object' || value === null) continue;
    if (path.length >= MAX_DEPTH) {
      throw new ProblemError('body_malformed', `The body is nested deeper than ${MAX_DEPTH} levels.`);
    }
    for (const [name, member] of Object.entries(value)) {
      const memberPath = [...path, name];
      if (reachesPrototype(name, member)) {
        faults.push({ path: memberPath.join('.'), message: 'this member is not allowed' });
      }
      open.push({ value: member, path: memberPath });
    }
  }
  return faults;
}

function reachesPrototype(name: string, member: unknown): boolean {
  if (name === '__proto__') return true;
  return (
    name === 'constructor' &&
    typeof member === 'object' &&
    member !== null &&
    Object.hasOwn(member, 'prototype')
  );
}
