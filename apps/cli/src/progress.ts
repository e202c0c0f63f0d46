import { SingleBar } from 'cli-progress';
import type { Io } from './io.ts';

/** On a terminal, a bar for what takes over a second; on a pipe, nothing. */
export function startProgress(
  io: Io,
  total: number,
  unit: string,
): { readonly step: () => void; readonly stop: () => void } {
  if (!io.errIsTerminal) return { step: () => {}, stop: () => {} };
  const bar = new SingleBar({
    format: `  {bar} {value} of {total} ${unit}, {rate}/s, {eta_formatted} left`,
    barCompleteChar: '█',
    barIncompleteChar: '░',
    barsize: 24,
    clearOnComplete: true,
    hideCursor: true,
  });
  const startedAt = performance.now();
  let done = 0;
  const rate = () => Math.round(done / Math.max(0.001, (performance.now() - startedAt) / 1_000));
  const timer = setTimeout(() => bar.start(total, done, { rate: rate() }), 1_000);
  return {
    step: () => {
      done += 1;
      if (bar.isActive) bar.update(done, { rate: rate() });
    },
    stop: () => {
      clearTimeout(timer);
      bar.stop();
    },
  };
}
