const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** @throws TypeError when it is neither milliseconds nor a duration such as `30s` */
export function milliseconds(duration: string | number): number {
  if (typeof duration === 'number' && Number.isFinite(duration) && duration >= 0) return duration;
  const [, amount, unit] = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(String(duration)) ?? [];
  if (amount !== undefined && unit !== undefined) return Number(amount) * (UNITS[unit] ?? Number.NaN);
  throw new TypeError(
    `timeout: expected milliseconds or a duration such as "30s", got ${JSON.stringify(duration)}`,
  );
}
