import type { Preflight } from '@holdfast/app-kit';
import { StoreUnavailableError } from '@holdfast/engine';
import fp from 'fastify-plugin';

export interface AdmissionOptions {
  readonly preflight: Pick<Preflight, 'assertAdmitted'>;
}

/** Lets nothing reach runs before their Redis was found good enough: a 202 must mean what it says. */
export const onlyOnceAdmitted = fp(async (app, { preflight }: AdmissionOptions) => {
  app.addHook('preHandler', async (request) => {
    if ((request.routeOptions.config.access ?? 'public') === 'public') return;
    try {
      preflight.assertAdmitted();
    } catch (error) {
      throw new StoreUnavailableError('the store was not checked yet', error);
    }
  });
});
