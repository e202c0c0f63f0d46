import { createColors } from 'picocolors';

/** Colours on a terminal only, and not where NO_COLOR is set. */
export const colors: ReturnType<typeof createColors> = createColors(
  process.stdout.isTTY === true && !process.env.NO_COLOR,
);

/** A reader who closes the pipe early, as `head` does, must not bring the system down. */
export function outliveClosedOutput(): void {
  process.stdout.on('error', () => {});
  process.stderr.on('error', () => {});
}

/** Label and value in two aligned columns. */
export function rows(lines: readonly (readonly [label: string, value: string])[]): string {
  const width = Math.max(...lines.map(([label]) => label.length));
  return lines.map(([label, value]) => `  ${colors.dim(label.padEnd(width))}  ${value}`).join('\n');
}
