import type { FastifyPluginAsync } from 'fastify';
import { problem, Refused } from '../problems.ts';
import type { Payments } from './payments.ts';

type ById = { Params: { id: string } };

/** The page of a customer's bank, where a payment is confirmed or not; as at a bank, nobody has to show a key of the shop's. */
export function authenticationRoutes(payments: Payments): FastifyPluginAsync {
  return async (app) => {
    app.addContentTypeParser('application/x-www-form-urlencoded', (_request, payload, done) => {
      payload.resume();
      done(null, undefined);
    });
    app.get<ById>('/:id', async ({ params: { id } }, reply) => {
      const intent = payments.awaited(id);
      if (!intent) throw nothingFor(id);
      const { amount, currency, description } = intent;
      return reply.type('text/html').send(page(id, `${amount} ${currency}`, description ?? ''));
    });
    for (const [answer, confirmed] of [
      ['confirm', true],
      ['refuse', false],
    ] as const) {
      app.post<ById>(`/:id/${answer}`, async ({ params: { id } }, reply) => {
        const intent = payments.authenticate(id, confirmed);
        if (!intent) throw nothingFor(id);
        if (intent.returnUrl === undefined)
          return reply.type('text/plain').send('Done. You can go back to the shop.\n');
        const back = new URL(intent.returnUrl);
        back.searchParams.set('payment_intent', id);
        return reply.redirect(back.href, 303);
      });
    }
  };
}

function nothingFor(id: string): Refused {
  return new Refused(
    problem(404, 'not_found', `There is nothing to confirm for ${id}; it may have been answered already.`),
  );
}

function page(id: string, amount: string, description: string): string {
  return `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Confirm a payment</title>
<style>:root{color-scheme:light dark}body{font:1rem/1.5 system-ui;max-width:26rem;margin:4rem auto;padding:0 1rem}form{display:inline}
button{font:inherit;padding:.5rem 1rem;margin-right:.5rem}</style>
<h1>Confirm a payment</h1>
<p>The sandbox plays the bank. <strong>${escaped(amount)}</strong> (minor units)${description === '' ? '' : `: ${escaped(description)}`}</p>
<form method="post" action="${escaped(id)}/confirm"><button>Confirm</button></form>
<form method="post" action="${escaped(id)}/refuse"><button>Refuse</button></form>
</html>`;
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}
