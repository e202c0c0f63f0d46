import type { BenchRun, Round } from './bench.ts';
import { CONTENDERS, type ContenderName } from './contenders/contender.ts';
import { median } from './statistics.ts';
import type { Measurement } from './turn.ts';

/** A contender's figures: each the median over the rounds. */
export type Figures = Measurement & {
  /** Runs per second, and drained per second, as multiples of another's in the same round. */
  readonly ofByHand: Ratios;
  readonly ofBare: Ratios;
};

interface Ratios {
  readonly runsPerSecond: number;
  readonly drainedPerSecond: number;
}

export interface Floor {
  readonly what: 'holdfast.ofByHand.runsPerSecond';
  readonly atLeast: number;
  readonly measured: number;
  readonly held: boolean;
}

export interface Summary {
  readonly contenders: Readonly<Record<ContenderName, Figures>>;
  /** None when no floor was asked for. */
  readonly floors: readonly Floor[];
  readonly held: boolean;
}

/** @param floor what Holdfast must reach, as a multiple of BullMQ by hand */
export function summarize({ rounds }: BenchRun, floor: number | undefined): Summary {
  const contenders = {
    bare: figuresOf('bare', rounds),
    byHand: figuresOf('byHand', rounds),
    holdfast: figuresOf('holdfast', rounds),
  };
  const floors = floor === undefined ? [] : [floorOf(contenders.holdfast, floor)];
  return { contenders, floors, held: floors.every(({ held }) => held) };
}

function figuresOf(name: ContenderName, rounds: readonly Round[]): Figures {
  const over = (figure: (round: Round) => number) => median(rounds.map(figure));
  const own = (key: keyof Measurement) => over((round) => round[name][key]);
  const ratios = (other: ContenderName): Ratios => ({
    runsPerSecond: over((round) => round[name].runsPerSecond / round[other].runsPerSecond),
    drainedPerSecond: over((round) => round[name].drainedPerSecond / round[other].drainedPerSecond),
  });
  return {
    runsPerSecond: own('runsPerSecond'),
    drainedPerSecond: own('drainedPerSecond'),
    p50Ms: own('p50Ms'),
    p99Ms: own('p99Ms'),
    workerCpuMsPerRun: own('workerCpuMsPerRun'),
    submitterCpuMsPerRun: own('submitterCpuMsPerRun'),
    redisCpuMsPerRun: own('redisCpuMsPerRun'),
    workerPeakRssBytes: own('workerPeakRssBytes'),
    aofBytesPerRun: own('aofBytesPerRun'),
    ofByHand: ratios('byHand'),
    ofBare: ratios('bare'),
  };
}

function floorOf(holdfast: Figures, atLeast: number): Floor {
  const measured = holdfast.ofByHand.runsPerSecond;
  return { what: 'holdfast.ofByHand.runsPerSecond', atLeast, measured, held: measured >= atLeast };
}

export function inOrder(summary: Summary): readonly (readonly [ContenderName, Figures])[] {
  return CONTENDERS.map((name) => [name, summary.contenders[name]]);
}
