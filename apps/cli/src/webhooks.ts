import { z } from 'zod';
import { askFor } from './api.ts';
import type { Commands } from './cli.ts';
import type { Io } from './io.ts';
import { table, widthOf } from './table.ts';

interface Flags {
  readonly json?: true;
}

const Endpoint = z.looseObject({
  id: z.string(),
  url: z.string(),
  events: z.array(z.string()),
  status: z.string(),
  createdAt: z.string(),
});
type Endpoint = z.infer<typeof Endpoint>;
const Created = Endpoint.extend({ secret: z.string() });
const Delivery = z.looseObject({
  id: z.string(),
  event: z.string(),
  runId: z.string().optional(),
  status: z.string(),
  attempts: z.number(),
  lastStatus: z.number().optional(),
  lastError: z.string().optional(),
  latencyMs: z.number().optional(),
  createdAt: z.string(),
});
const page = <T extends z.ZodType>(of: T) =>
  z.object({ data: z.array(of), nextCursor: z.string().optional() });

const PATH = '/v1/webhook-endpoints';
const at = (id: string, more = '') => `${PATH}/${encodeURIComponent(id)}${more}`;
const list = (text: string) => text.split(',').map((name) => name.trim());

/** `holdfast webhooks …`: where a tenant's events are sent, and what was sent there. */
export function addWebhookCommands({ program, io }: Commands): void {
  const webhooks = program
    .command('webhooks')
    .description('Webhooks out: endpoints that hear of runs, and what was sent to them');
  const command = (nameAndArguments: string, description: string) =>
    webhooks.command(nameAndArguments).description(description).option('--json', 'print JSON');

  command('list', 'the endpoints, the newest first').action(async (flags: Flags) => {
    const data = await all(io);
    if (flags.json) return printJson(io, { data });
    io.out(
      data.length === 0
        ? 'No endpoints. Create one with: holdfast webhooks create <url>\n'
        : describe(io, data),
    );
  });

  command('create <url>', 'creates an endpoint, and shows its secret this once')
    .requiredOption('--events <list>', 'what it hears of, as in run.completed,payment.*')
    .option('--description <text>', 'for people')
    .action(async (url: string, flags: Flags & { events: string; description?: string }) => {
      const { events, description } = flags;
      const body = { url, events: list(events), ...(description !== undefined && { description }) };
      const created = await askFor(Created, io, 'POST', PATH, body);
      if (flags.json) return printJson(io, created);
      io.out(
        `${created.secret}\n\n${describe(io, [created])}\nThis is the one time that the secret is shown. It verifies what Holdfast sends.\n`,
      );
    });

  command('update <endpoint>', 'changes what is given, and leaves the rest')
    .option('--url <url>', 'where events are sent')
    .option('--events <list>', 'what it hears of')
    .option('--description <text>', 'for people; empty removes it')
    .action(
      async (
        id: string,
        { events, json, ...rest }: Flags & { events?: string; url?: string; description?: string },
      ) => {
        const body = { ...rest, ...(events !== undefined && { events: list(events) }) };
        const changed = await askFor(Endpoint, io, 'PATCH', at(id), body);
        if (json) return printJson(io, changed);
        io.out(describe(io, [changed]));
      },
    );

  for (const [name, status, description] of [
    ['pause', 'paused', 'sends it nothing more; its events are kept'],
    ['resume', 'active', 'sends it what was kept, and what comes'],
  ] as const) {
    command(`${name} <endpoint>`, description).action(async (id: string, flags: Flags) => {
      const changed = await askFor(Endpoint, io, 'PATCH', at(id), { status });
      if (flags.json) return printJson(io, changed);
      io.out(`${changed.id} is ${changed.status}.\n`);
    });
  }

  command('delete <endpoint>', 'deletes an endpoint, its secrets and its list of deliveries').action(
    async (id: string, flags: Flags) => {
      await askFor(z.undefined(), io, 'DELETE', at(id));
      if (flags.json) return printJson(io, { id, deleted: true });
      io.out(`${id} is deleted.\n`);
    },
  );

  command('rotate-secret <endpoint>', 'makes another secret, and shows it this once')
    .option('--overlap <duration>', 'how long the one before signs as well', '24h')
    .action(async (id: string, flags: Flags & { overlap: string }) => {
      const rotated = await askFor(z.object({ secret: z.string() }), io, 'POST', at(id, '/rotate-secret'), {
        overlap: flags.overlap,
      });
      if (flags.json) return printJson(io, rotated);
      io.out(`${rotated.secret}\n\nThe secret before signs as well for ${flags.overlap}.\n`);
    });

  command('test <endpoint>', 'sends it an event of the type webhook.test').action(
    async (id: string, flags: Flags) => {
      const sent = await askFor(z.object({ id: z.string() }), io, 'POST', at(id, '/test'));
      if (flags.json) return printJson(io, sent);
      io.out(`${sent.id} is sent. What came of it: holdfast webhooks deliveries ${id}\n`);
    },
  );

  command('deliveries <endpoint>', 'what was sent to it, the newest first')
    .option('--status <status>', 'only those that are pending, delivered or dead')
    .option('--limit <n>', 'how many, 1 to 100', '20')
    .action(async (id: string, flags: Flags & { status?: string; limit: string }) => {
      const query = new URLSearchParams({
        limit: flags.limit,
        ...(flags.status && { status: flags.status }),
      });
      const found = await askFor(page(Delivery), io, 'GET', at(id, `/deliveries?${query}`));
      if (flags.json) return printJson(io, found);
      const rows = found.data.map((each) => [
        ...[each.id, each.event, each.status, `${each.attempts}×`, String(each.lastStatus ?? '–')],
        ...[each.latencyMs === undefined ? '–' : `${each.latencyMs} ms`, each.runId ?? '–'],
        each.lastError ?? '',
      ]);
      io.out(rows.length === 0 ? 'No deliveries.\n' : `${table(rows, [3, 4, 5], widthOf(io))}\n`);
    });

  command('retry <endpoint> <delivery>', 'sends a delivery once more, at once').action(
    async (id: string, delivery: string, flags: Flags) => {
      const path = at(id, `/deliveries/${encodeURIComponent(delivery)}/retry`);
      const sent = await askFor(z.object({ id: z.string() }), io, 'POST', path);
      if (flags.json) return printJson(io, sent);
      io.out(`${sent.id} is sent.\n`);
    },
  );

  command('replay <endpoint>', 'sends the events of a time once more')
    .requiredOption('--since <time>', 'the first, as in 2026-03-02T03:12:00Z')
    .requiredOption('--until <time>', 'before which the last was')
    .option('--events <list>', "only these of the endpoint's events")
    .action(async (id: string, flags: Flags & { since: string; until: string; events?: string }) => {
      const { since, until, events } = flags;
      const body = { since, until, ...(events !== undefined && { events: list(events) }) };
      const replayed = await askFor(z.object({ count: z.number() }), io, 'POST', at(id, '/replay'), body);
      if (flags.json) return printJson(io, replayed);
      io.out(`${replayed.count} ${replayed.count === 1 ? 'event is' : 'events are'} sent.\n`);
    });
}

async function all(io: Io): Promise<Endpoint[]> {
  const found: Endpoint[] = [];
  let cursor: string | undefined;
  do {
    const query = new URLSearchParams({ limit: '100', ...(cursor !== undefined && { cursor }) });
    const next = await askFor(page(Endpoint), io, 'GET', `${PATH}?${query}`);
    found.push(...next.data);
    cursor = next.nextCursor;
  } while (cursor !== undefined);
  return found;
}

function describe(io: Io, endpoints: readonly Endpoint[]): string {
  const rows = endpoints.map(({ id, status, url, events }) => [id, status, events.join(','), url]);
  return `${table(rows, [], widthOf(io))}\n`;
}

function printJson(io: Io, value: unknown): void {
  io.out(`${JSON.stringify(value, null, 2)}\n`);
}
