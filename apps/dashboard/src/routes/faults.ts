import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { type FaultPanel, SANDBOX_PROVIDERS, type SandboxProvider } from '../fault-panel.ts';
import type { Said } from '../pages/said.ts';
import { DashboardProblem } from '../problems.ts';

const OnProvider = z.strictObject({ provider: z.enum(SANDBOX_PROVIDERS) });

/** What the buttons of the fault panel do. Registered only where there is one. */
export async function faultRoutes(app: FastifyInstance, { faults }: { faults: FaultPanel }): Promise<void> {
  const back = (reply: FastifyReply, said: Said) => reply.redirect(`/?said=${said}#faults`, 303);
  const onProvider = (path: string, set: (provider: SandboxProvider) => Promise<boolean>, said: Said) =>
    app.post(path, async (request, reply) =>
      back(reply, (await set(providerIn(request))) ? said : 'no_sandbox'),
    );

  app.post('/faults/kill-worker', async (_request, reply) =>
    back(reply, (await faults.killWorker()) ? 'worker_killed' : 'no_worker'),
  );
  onProvider('/faults/take-down', (provider) => faults.takeDown(provider), 'provider_down');
  onProvider('/faults/lose-reply', (provider) => faults.loseReply(provider), 'reply_lost');
  app.post('/faults/decline-card', async (_request, reply) =>
    back(reply, (await faults.declineCard()) ? 'card_declined' : 'no_sandbox'),
  );
  app.post('/faults/bring-back', async (_request, reply) =>
    back(reply, (await faults.bringBack()) ? 'brought_back' : 'no_sandbox'),
  );
  app.post('/faults/next-due', async (_request, reply) => {
    const runId = await faults.nextDue();
    return runId === undefined
      ? back(reply, 'none_due')
      : reply.redirect(`/runs/${runId}?said=made_due`, 303);
  });
}

function providerIn({ body }: FastifyRequest): SandboxProvider {
  const parsed = OnProvider.safeParse(body);
  if (parsed.success) return parsed.data.provider;
  throw new DashboardProblem(400, 'bad_request', `The sandbox plays ${SANDBOX_PROVIDERS.join(', ')}.`);
}
