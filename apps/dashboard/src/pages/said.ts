/** What became of what was asked for, by the word that the address carries. */
const SAID = {
  redriven: 'Redriven: the run goes on from the step that failed.',
  resolved:
    'Resolved: the run continues, unless it would only die again; then cancel it once every effect is answered for.',
  cancelling:
    'Cancel requested: no further step starts, and what was done is undone. How it ends is shown below.',
  rerun: 'Started afresh.',
  not_dead: 'Nothing was done: the run is no longer dead.',
  not_in_doubt: 'Nothing was done: the step is not in doubt any more.',
  flow_unknown:
    'Nothing was done: the flow of this run is gone. Resolve each of its steps that is completed or in doubt, then cancel it.',
  effects_unanswered:
    'Nothing was done: the flow of this run is gone. Resolve each of its steps that is completed or in doubt, then cancel it.',
  run_finished: 'Nothing was done: the run has ended already.',
  not_finished: 'Nothing was done: only a run that has ended can be started afresh.',
  drawn: 'Nothing was done: another run draws upon this one, or this one upon another.',
  reopened: 'Reopened: calls are made again; postponed runs come back within a minute.',
  paused: 'Paused: no new run of it begins until it is resumed.',
  paused_already: 'Nothing was done: it is paused already.',
  resumed: 'Resumed: what waited begins.',
  not_paused: 'Nothing was done: it is not paused any more.',
  redriving: 'The redrive has started; its progress is on this page.',
  worker_killed:
    'A worker was killed. Its runs go on in another within a second, and it is started again; the pages of the runs show the crash.',
  no_worker: 'Nothing was done: no worker is there at the moment.',
  provider_down: 'The provider is down until you bring it back. Runs that call it wait and try again.',
  reply_lost: 'The next effect of this provider happens, and its reply is lost.',
  card_declined: 'The next charge is declined.',
  brought_back: 'Every provider is well again. Runs that wait for a retry go on when it is due.',
  no_sandbox: 'Nothing was done: the sandbox does not answer.',
  none_due: 'Nothing was done: no run waits for a time.',
  made_due: 'Its wait was ended: it goes on now.',
} as const;

export type Said = keyof typeof SAID;

/** @returns undefined for a word that is none of these */
export function whatWasSaid(word: unknown): string | undefined {
  return typeof word === 'string' && Object.hasOwn(SAID, word) ? SAID[word as Said] : undefined;
}
