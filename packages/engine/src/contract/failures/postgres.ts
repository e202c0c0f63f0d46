import { InDoubtError, MisconfiguredError, RejectedError, UnavailableError } from '../errors.ts';
import { faultOf, type HoldfastFailure, text } from './shape.ts';

type Verdict = 'rejected' | 'misconfigured' | 'unavailable' | 'in_doubt';

/** By SQLSTATE, or by its class (the first two characters). Appendix A of the PostgreSQL manual. */
const VERDICTS: Readonly<Record<string, Verdict>> = {
  // connections: refused before anything was sent, or lost
  '08001': 'unavailable',
  '08004': 'unavailable',
  '08': 'in_doubt',
  // data, integrity, checks, exceptions raised by a function
  '22': 'rejected',
  '23': 'rejected',
  '27': 'rejected',
  '44': 'rejected',
  P0001: 'rejected',
  // rolled back: the transaction did nothing
  '40003': 'in_doubt',
  '40': 'unavailable',
  '53': 'unavailable',
  '55P03': 'unavailable',
  '57014': 'unavailable',
  '57P03': 'unavailable',
  '25006': 'unavailable',
  // the server stopped, perhaps after the commit
  '57': 'in_doubt',
  // credentials, databases, syntax, permissions
  '28': 'misconfigured',
  '3D': 'misconfigured',
  '3F': 'misconfigured',
  '42': 'misconfigured',
  '0A': 'misconfigured',
};

/** `pg` and `postgres`: what the server answered, by SQLSTATE. A state that is not listed is in doubt. */
export function postgresFailure(error: object): HoldfastFailure | undefined {
  const state = text(error, 'code') ?? '';
  if (!/^[0-9A-Z]{5}$/.test(state) || text(error, 'severity') === undefined) return undefined;
  const constraint = text(error, 'constraint');
  const fault = faultOf(error, `sqlstate_${state.toLowerCase()}`, 'PostgreSQL', {
    sqlstate: state,
    ...(constraint && { constraint }),
  });
  switch (VERDICTS[state] ?? VERDICTS[state.slice(0, 2)]) {
    case 'rejected':
      return new RejectedError(fault);
    case 'misconfigured':
      return new MisconfiguredError(fault);
    case 'unavailable':
      return new UnavailableError(fault);
    default:
      return new InDoubtError(fault);
  }
}
