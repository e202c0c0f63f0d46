import { Gauge, type Registry } from 'prom-client';

/** A scrape does not wait longer for Redis; the gauges then stay as they were. */
const SCRAPE_WAITS_MS = 1_000;

/** What all gauges of a scrape are taken from, read once for all of them. @returns undefined when Redis does not answer in time */
export function oncePerScrape<T>(read: () => Promise<T>): () => Promise<T | undefined> {
  let reading: Promise<T | undefined> | undefined;
  return () => {
    reading ??= soon(read()).finally(() => {
      reading = undefined;
    });
    return reading;
  };
}

/** A gauge of what all workers together know: each of them shows the same. @param values undefined: not known now */
export function sharedGauge<Label extends string>(
  registry: Registry,
  options: { readonly name: string; readonly help: string; readonly labelNames: readonly Label[] },
  values: () => Promise<readonly (readonly [Record<Label, string>, number])[] | undefined>,
): void {
  new Gauge<Label>({
    ...options,
    labelNames: [...options.labelNames],
    registers: [registry],
    async collect() {
      const known = await values();
      if (!known) return;
      this.reset();
      for (const [labels, value] of known) this.set(labels, value);
    },
  });
}

function soon<T>(answer: Promise<T>): Promise<T | undefined> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(undefined), SCRAPE_WAITS_MS);
    answer.then(resolve, () => resolve(undefined)).finally(() => clearTimeout(timer));
  });
}
