import { z } from 'zod';
import { askApi, askFor } from './api.ts';
import type { Commands } from './cli.ts';
import type { Io } from './io.ts';
import { table, widthOf } from './table.ts';
import { when } from './times.ts';
import { UsageError } from './usage.ts';

/** A schedule as the API shows it, as far as it is used here; `--json` prints all of it. */
const ScheduleJson = z.looseObject({
  name: z.string(),
  cron: z.string(),
  timezone: z.string(),
  flow: z.string(),
  overlap: z.string(),
  catchUp: z.string(),
  status: z.string(),
  nextRunAt: z.string().optional(),
  lastRunAt: z.string().optional(),
  upcoming: z.array(z.string()).optional(),
});
type ScheduleJson = z.infer<typeof ScheduleJson>;
const ListJson = z.object({ data: z.array(ScheduleJson), nextCursor: z.string().optional() });

interface CreateFlags {
  readonly cron: string;
  readonly flow: string;
  readonly input: string;
  readonly timezone?: string;
  readonly overlap?: string;
  readonly catchUp?: string;
  readonly json?: true;
}

interface JsonFlag {
  readonly json?: true;
}

export function addScheduleCommands({ program, io }: Commands): void {
  const schedules = program
    .command('schedules')
    .description('schedules: runs that are submitted when their time comes');
  const command = (nameAndArguments: string, description: string) =>
    schedules.command(nameAndArguments).description(description).option('--json', 'print JSON');

  command('list', 'the schedules, in the order of their names').action(async ({ json }: JsonFlag) => {
    const data = await all(io);
    if (json) return printJson(io, { data });
    io.out(data.length === 0 ? 'No schedules.\n' : describe(io, data));
  });

  command('show <name>', 'a schedule and its next five fire times').action(
    async (name: string, { json }: JsonFlag) => {
      const schedule = await askFor(ScheduleJson, io, 'GET', pathOf(name));
      if (json) return printJson(io, schedule);
      const next = (schedule.upcoming ?? []).map((time) => `  ${time}\n`).join('');
      io.out(`${describe(io, [schedule])}${next === '' ? '' : `next:\n${next}`}`);
    },
  );

  command('create <name>', 'creates a schedule; is audited')
    .requiredOption('--cron <fields>', 'minute, hour, day of the month, month, day of the week')
    .requiredOption('--flow <name>', 'what is run')
    .option('--input <json>', "the flow's input", 'null')
    .option('--timezone <name>', 'IANA, such as Europe/Paris; default UTC')
    .option('--overlap <what>', 'while the run before goes on: skip, queue (default) or cancel')
    .option('--catch-up <duration>', 'how old a missed fire time may be that is made up for; default none')
    .action(async (name: string, { json, input, ...flags }: CreateFlags) => {
      const created = await askFor(ScheduleJson, io, 'POST', '/v1/schedules', {
        ...{ name, ...flags },
        input: parsed(input),
      });
      if (json) return printJson(io, created);
      io.out(`${name} is created. It fires first at ${created.nextRunAt}.\n`);
    });

  for (const [what, description, done] of [
    ['pause', 'keeps a schedule from firing; is audited', 'is paused'],
    ['resume', 'lets a schedule fire from now on; is audited', 'fires again'],
  ] as const) {
    command(`${what} <name>`, description).action(async (name: string, { json }: JsonFlag) => {
      const schedule = await askFor(ScheduleJson, io, 'POST', `${pathOf(name)}/${what}`);
      if (json) return printJson(io, schedule);
      const next = schedule.nextRunAt === undefined ? '' : `, next at ${schedule.nextRunAt}`;
      io.out(`${name} ${done}${next}.\n`);
    });
  }

  command('trigger <name>', 'submits a run of a schedule now; is audited').action(
    async (name: string, { json }: JsonFlag) => {
      const run = await askApi(io, 'POST', `${pathOf(name)}/trigger`);
      if (json) return printJson(io, run);
      io.out(`${run.id}\n`);
    },
  );

  command('delete <name>', 'deletes a schedule; its runs go on; is audited').action(
    async (name: string, { json }: JsonFlag) => {
      // there is no body
      await askFor(z.undefined(), io, 'DELETE', pathOf(name));
      if (json) printJson(io, { name, deleted: true });
      else io.out(`${name} is deleted.\n`);
    },
  );
}

async function all(io: Io): Promise<ScheduleJson[]> {
  const found: ScheduleJson[] = [];
  let cursor: string | undefined;
  do {
    const query = new URLSearchParams({ limit: '100', ...(cursor !== undefined && { cursor }) });
    const { data, nextCursor } = await askFor(ListJson, io, 'GET', `/v1/schedules?${query}`);
    found.push(...data);
    cursor = nextCursor;
  } while (cursor !== undefined);
  return found;
}

function pathOf(name: string): string {
  return `/v1/schedules/${encodeURIComponent(name)}`;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new UsageError(`--input ${text} is not JSON; put text in double quotes, as in '"text"'.`);
  }
}

function describe(io: Io, schedules: readonly ScheduleJson[]): string {
  const rows = schedules.map(({ name, cron, timezone, flow, status, nextRunAt, lastRunAt }) => [
    ...[name, flow, cron, timezone],
    status === 'paused' ? 'paused' : nextRunAt === undefined ? '–' : when(io, nextRunAt),
    lastRunAt === undefined ? '–' : when(io, lastRunAt),
  ]);
  return `${table([['name', 'flow', 'cron', 'timezone', 'next', 'last'], ...rows], [], widthOf(io))}\n`;
}

function printJson(io: Io, value: unknown): void {
  io.out(`${JSON.stringify(value, null, 2)}\n`);
}
