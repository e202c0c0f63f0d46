import { OperatorError } from '@holdfast/app-kit';

/** The body by which an operator says what happened to an effect in doubt. */
export function resolutionOf({
  step,
  happened,
  didNotHappen,
}: {
  readonly step: string;
  readonly happened?: string | true;
  readonly didNotHappen?: true;
}): object {
  if ((happened === undefined) === (didNotHappen === undefined)) {
    throw new OperatorError('Say what happened: either --happened, with its result, or --did-not-happen.');
  }
  if (happened === undefined) return { step, outcome: 'did_not_happen' };
  return { step, outcome: 'happened', ...(happened !== true && { result: parseResult(happened) }) };
}

function parseResult(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new OperatorError(
      `The result is no JSON: ${text}\nQuote it for the shell, as in --happened '{"chargeId":"pi_1"}'.`,
    );
  }
}
