import type { CallSeen } from '@holdfast/http';

/** The provider, or where its tokens come from, does not take our credentials: a retry does not fix that; a person has to. */
export function refusesUs({ code, status }: CallSeen): boolean {
  return code === 'credentials_refused' || code === 'permission_denied' || status === 401 || status === 403;
}
