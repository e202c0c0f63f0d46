import type { FlowContract } from '@holdfast/engine';
import { html } from 'ghtml';
import { z } from 'zod';

/** What the names of a result's fields begin with in a form. */
export const FIELD = 'field.';

/** A member of a step's result that people can type in. */
interface Member {
  readonly name: string;
  readonly type: 'string' | 'number';
  readonly required: boolean;
}

/** The members of what a step returns; undefined where its flow does not say, or says something that is more than a list of texts and numbers. */
export function membersOf(flow: FlowContract | undefined, step: string): readonly Member[] | undefined {
  const { results } = flow ?? {};
  const schema = results && Object.hasOwn(results, step) ? results[step] : undefined;
  if (!schema) return undefined;
  const { type, properties = {}, required = [] } = z.toJSONSchema(schema, { unrepresentable: 'any' });
  if (type !== 'object') return undefined;
  return Object.entries(properties).flatMap(([name, member]) => {
    const kind = typeof member === 'object' ? member.type : undefined;
    if (kind !== 'string' && kind !== 'number' && kind !== 'integer') return [];
    return [{ name, type: kind === 'string' ? 'string' : 'number', required: required.includes(name) }];
  });
}

/** The fields of a form for what a step would have returned. */
export function resultFields(flow: FlowContract | undefined, step: string): string {
  const members = membersOf(flow, step) ?? [];
  const json = html`<label for="result-${step}">The result that the step would have returned, as JSON. Leave it empty if it returns nothing.</label>
<textarea id="result-${step}" name="result" rows="3" spellcheck="false" autocomplete="off"></textarea>`;
  if (members.length === 0) return html`<p>!${json}</p>`;
  const fields = members.map(
    ({ name, type, required }) =>
      html`<p><label>${name}!${required ? '' : ' <span class="quiet">(if there is one)</span>'}<br><input name="${FIELD}${name}" type="${type === 'number' ? 'number' : 'text'}" spellcheck="false" autocomplete="off"></label></p>`,
  );
  return html`<p>The result that the step would have returned, as the provider shows it:</p>
!${fields}<details><summary>As JSON instead</summary><p>!${json}</p></details>`;
}

/** @returns the result that the fields of a form come to; undefined when none is filled in */
export function resultOf(
  flow: FlowContract | undefined,
  step: string,
  form: Readonly<Record<string, unknown>>,
): Readonly<Record<string, string | number>> | undefined {
  const given = (membersOf(flow, step) ?? []).flatMap(({ name, type }) => {
    const text = form[`${FIELD}${name}`];
    if (typeof text !== 'string' || text.trim() === '') return [];
    return [[name, type === 'number' ? Number(text) : text.trim()] as const];
  });
  return given.length > 0 ? Object.fromEntries(given) : undefined;
}
