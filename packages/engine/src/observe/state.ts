import { randomBytes } from 'node:crypto';
import type { Client } from '../client.ts';
import { checkSize, LIMITS } from '../contract/limits.ts';
import { isStateName } from '../contract/state.ts';
import { encodeJson } from '../journal/codec.ts';
import type { StateStore } from '../journal/state-store.ts';
import { InvalidCursorError } from './run-list.ts';

/** A name or a value that the state cannot have. */
export class StateError extends Error {
  readonly code: 'name_invalid' | 'value_invalid' | 'value_too_large';
  constructor(code: StateError['code'], message: string) {
    super(message);
    this.name = 'StateError';
    this.code = code;
  }
}

/** The tenant's state, for people and programs outside of flows. */
export function stateOf(
  store: StateStore,
): Pick<Client, 'readState' | 'writeState' | 'deleteState' | 'listState'> {
  return {
    async readState(tenant, name) {
      return isStateName(name) ? store.show(tenant, name) : undefined;
    },

    async writeState(tenant, name, value, expected = 'any') {
      if (!isStateName(name))
        throw new StateError(
          'name_invalid',
          'a name of state is 1 to 200 letters, digits, ".", "_", ":", "/" or "-"',
        );
      const json = checked(value, `the value of state "${name}"`);
      const revision = randomBytes(16).toString('hex');
      const written = await store.put(tenant, { name, revision, json }, expected);
      if (!written) return undefined;
      const { isNew, updatedAt } = written;
      return { isNew, entry: { name, value, revision, updatedAt } };
    },

    async deleteState(tenant, name, expected = 'any') {
      return isStateName(name) ? store.remove(tenant, name, expected) : 'unknown';
    },

    async listState(tenant, { prefix = '', cursor, limit = 50 } = {}) {
      const after = cursor === undefined ? undefined : nameIn(cursor);
      const found = await store.list(tenant, { prefix, after, limit: limit + 1 });
      const entries = found.slice(0, limit);
      const last = found.length > limit ? entries.at(-1) : undefined;
      return { entries, ...(last && { nextCursor: Buffer.from(last.name).toString('base64url') }) };
    },
  };
}

function nameIn(cursor: string): string {
  const name = Buffer.from(cursor, 'base64url').toString();
  if (!isStateName(name)) throw new InvalidCursorError();
  return name;
}

function checked(value: unknown, what: string): string {
  let json: string | undefined;
  try {
    json = encodeJson(value, what);
  } catch (error) {
    throw new StateError('value_invalid', error instanceof Error ? error.message : String(error));
  }
  if (json === undefined) throw new StateError('value_invalid', `${what} is missing`);
  try {
    checkSize(json, LIMITS.stateBytes, 'state_too_large', what);
  } catch (error) {
    throw new StateError('value_too_large', error instanceof Error ? error.message : String(error));
  }
  return json;
}
