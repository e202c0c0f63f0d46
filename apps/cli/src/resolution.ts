import { UsageError } from './usage.ts';

export interface ResolutionFlags {
  readonly step: string;
  readonly happened?: string | true;
  readonly didNotHappen?: true;
  readonly undone?: true;
  readonly notUndone?: true;
}

/** The body by which an operator says what happened to an effect in doubt, or to its undo. */
export function resolutionOf({ step, happened, didNotHappen, undone, notUndone }: ResolutionFlags): object {
  const said = [happened, didNotHappen, undone, notUndone].filter((flag) => flag !== undefined);
  if (said.length !== 1) {
    throw new UsageError(
      'Say what happened: --happened with its result, --did-not-happen, --undone or --not-undone.',
    );
  }
  if (undone) return { step, outcome: 'undone' };
  if (notUndone) return { step, outcome: 'not_undone' };
  if (happened === undefined) return { step, outcome: 'did_not_happen' };
  return { step, outcome: 'happened', ...(happened !== true && { result: parseResult(happened) }) };
}

function parseResult(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new UsageError(
      `The result is not JSON: ${text}\nQuote it for the shell, as in --happened '{"chargeId":"pi_1"}'.`,
    );
  }
}
