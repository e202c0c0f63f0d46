/** What is held back from beginning: a flow's runs, for one tenant or for all, or all runs of a tenant. Its twin is `lua/lib/pauses.lua`. */
export type PauseOf =
  | { readonly tenant: string; readonly flow: string }
  | { readonly tenant?: undefined; readonly flow: string }
  | { readonly tenant: string; readonly flow?: undefined };

/** Since when, in Unix milliseconds on Redis' clock, and who asked for it. */
export type Pause = PauseOf & { readonly at: number; readonly by: string };

const ALL = '*';

export function pauseField({ tenant = ALL, flow = ALL }: PauseOf): string {
  return `${tenant} ${flow}`;
}

/** @param fields the hash of all pauses; the earliest comes first */
export function pausesIn(fields: Readonly<Record<string, string>>): Pause[] {
  return Object.entries(fields)
    .flatMap(([field, text]): Pause[] => {
      const [tenant = ALL, flow = ALL] = field.split(' ');
      const { at, by } = JSON.parse(text) as { at: number; by: string };
      if (tenant !== ALL && flow !== ALL) return [{ tenant, flow, at, by }];
      if (flow !== ALL) return [{ flow, at, by }];
      return tenant === ALL ? [] : [{ tenant, at, by }];
    })
    .sort((a, b) => a.at - b.at);
}

/** The pause that holds back a run that has not begun; the narrowest first. */
export function pauseOver(
  pauses: readonly Pause[],
  run: { readonly tenant: string; readonly flow: string },
): Pause | undefined {
  const over = pauses.filter(
    ({ tenant = run.tenant, flow = run.flow }) => tenant === run.tenant && flow === run.flow,
  );
  return over.find(({ tenant, flow }) => tenant && flow) ?? over.find(({ flow }) => flow) ?? over[0];
}
