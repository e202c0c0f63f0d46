import { type FlowContract, isTerminal, type Run, referenceOf, type StepState } from '@holdfast/engine';
import { counted, isCancelRequested, listed } from '@holdfast/run-view';
import { html } from 'ghtml';
import { confirmed } from './parts.ts';
import { resultFields } from './result-fields.ts';

/** What may sensibly be done with a run as it stands, each saying what it will do. */
export function runActions(run: Run, flow: FlowContract | undefined): string {
  if (isTerminal(run.status)) return rerun(run);
  if (run.status === 'dead')
    return [...resolutions(run, flow), ...undos(run), redrive(run), cancel(run)].join('');
  return run.status === 'compensating' || isCancelRequested(run) ? '' : cancel(run);
}

function redrive(run: Run): string {
  const step = 'error' in run ? run.error?.step : undefined;
  const done = namesOf(run, 'completed');
  const undoing = isUndoing(run);
  const what = undoing
    ? `The run goes on being undone${step ? `, from ${step}` : ''}, with fresh attempts. What is undone already stays undone.`
    : `${again(run, step)}${
        done.length > 0 ? ` What is done stays done and is not repeated: ${listed(done)}.` : ''
      }`;
  return confirmed({
    ...{
      id: 'redrive',
      summary: undoing ? 'Redrive: go on undoing…' : `Redrive: ${summaryOf(run, step)}…`,
      button: 'Redrive',
    },
    body: html`<p>${what}</p>`,
    action: `/runs/${run.id}/redrive`,
  });
}

/** What a redrive does with the step that failed: a step in doubt says so itself. */
function again(run: Run, step: string | undefined): string {
  if (step === undefined) return 'The run is tried again, with fresh attempts and the same provider keys.';
  switch (doubtRuleOf(run, step)) {
    case 'look_up':
      return `The provider is asked first whether ${step} happened; it is done again only if the provider has nothing of it, with fresh attempts and under the same key.`;
    case 'repeat':
      return `${step} is sent again under the same key, which its provider honours: an effect that already happened does not happen twice.`;
    case 'halt':
      return `${step} has no look-up, so a redrive alone finds it in doubt again. Resolve it instead.`;
    default:
      return `The step ${step} is tried again, with fresh attempts and the same provider keys.`;
  }
}

function summaryOf(run: Run, step: string | undefined): string {
  if (step === undefined) return 'try again';
  const words = {
    look_up: `ask whether ${step} happened first`,
    repeat: `send ${step} again`,
    halt: `${step} stays in doubt`,
  };
  const rule = doubtRuleOf(run, step);
  return rule ? words[rule] : `try ${step} again`;
}

function doubtRuleOf(run: Run, step: string): StepState['whenInDoubt'] {
  return run.steps.find(({ name }) => name === step)?.whenInDoubt;
}

/** What an effect in doubt is found by at its provider. */
function findBy(key: string): string {
  return html`<p>Look for it at the provider by:</p>
<dl class="by"><dt>Idempotency-Key</dt><dd><code class="whole">${key}</code></dd><dt>Reference</dt><dd><code class="whole">${referenceOf(key)}</code></dd></dl>`;
}

function resolutions(run: Run, flow: FlowContract | undefined): string[] {
  return run.steps
    .filter(({ status }) => status === 'in_doubt')
    .flatMap(({ name, key }) => [
      confirmed({
        id: `happened-${name}`,
        summary: `Resolve: ${name} happened…`,
        body: html`!${findBy(key)}<p>Choose this when the provider shows that it did. It is recorded as done, never repeated, and ${isUndoing(run) ? 'then undone' : 'the run goes on'}.</p>
!${resultFields(flow, name)}`,
        action: `/runs/${run.id}/resolve`,
        fields: { step: name, outcome: 'happened' },
        button: 'It happened',
      }),
      confirmed({
        id: `not-happened-${name}`,
        summary: `Resolve: ${name} did not happen…`,
        body: html`!${findBy(key)}<p>Choose this when the provider shows that it did not. ${isUndoing(run) ? 'Then there is nothing to undo: if it happened after all, it stays.' : 'It is tried again: if it did happen after all, it happens twice.'}</p>`,
        action: `/runs/${run.id}/resolve`,
        fields: { step: name, outcome: 'did_not_happen' },
        button: 'It did not happen',
        danger: true,
      }),
    ]);
}

/** An undo that failed, or that the run cannot come to any more: people may have done it by hand. */
function undos(run: Run): string[] {
  if (!isUndoing(run) && !diesAgain(run)) return [];
  return run.steps
    .filter(({ status }) => status === 'completed')
    .flatMap(({ name, undo }) => [
      confirmed({
        id: `undone-${name}`,
        summary: `Resolve: ${name} was undone…`,
        body: html`<p>Choose this when the effect of ${name} was undone at the provider, by the run or by hand. It is recorded as undone, and never undone again.</p>`,
        action: `/runs/${run.id}/resolve`,
        fields: { step: name, outcome: 'undone' },
        button: 'It was undone',
      }),
      ...(undo?.inDoubt
        ? [
            confirmed({
              id: `not-undone-${name}`,
              summary: `Resolve: ${name} was not undone…`,
              body: html`!${findBy(undo.key)}<p>Choose this when the provider shows that the effect still stands. It is undone again: if it was undone after all, it is undone twice.</p>`,
              action: `/runs/${run.id}/resolve`,
              fields: { step: name, outcome: 'not_undone' },
              button: 'It was not undone',
              danger: true,
            }),
          ]
        : []),
    ]);
}

/** It stays dead until its code changes, or all that it did is answered for. */
function diesAgain(run: Run): boolean {
  return run.status === 'dead' && (run.error.kind === 'incompatible_flow' || run.error.kind === 'poison');
}

function cancel(run: Run): string {
  const done = namesOf(run, 'completed');
  const inDoubt = namesOf(run, 'in_doubt');
  const undo =
    done.length > 0
      ? `What was done is undone, in reverse: ${listed(done.toReversed())} (as far as the flow has an undo for it).`
      : 'There is nothing to undo.';
  const doubt = inDoubt.length > 0 ? ` Effects in doubt are settled first: ${listed(inDoubt)}.` : '';
  return confirmed({
    ...{ id: 'cancel', summary: 'Cancel: undo and end…', button: 'Cancel the run', danger: true },
    body: html`<p>No further step starts. ${undo}${doubt} Then the run ends as cancelled.</p>`,
    action: `/runs/${run.id}/cancel`,
  });
}

function rerun(run: Run): string {
  const stands = namesOf(run, 'completed');
  const again =
    stands.length > 0
      ? ` ${counted(stands.length, 'effect')} of before stand${stands.length === 1 ? 's' : ''} and will be made a second time: ${listed(stands)}.`
      : '';
  return confirmed({
    ...{ id: 'rerun', summary: 'Rerun: start afresh…', button: 'Rerun', danger: stands.length > 0 },
    body: html`<p>The run starts again from its first step, as generation ${run.generation + 1}, with the same input and new provider keys.${again}</p>`,
    action: `/runs/${run.id}/rerun`,
  });
}

function isUndoing(run: Run): boolean {
  return run.status === 'dead' && run.undoing === true;
}

function namesOf(run: Run, status: Run['steps'][number]['status']): string[] {
  return run.steps.filter((step) => step.status === status).map(({ name }) => name);
}
