export { type ChildEvent, ChildStartError } from './child.ts';
export type { Processes } from './processes.ts';
export { runLocal } from './run.ts';
export { SAMPLE_ORDER } from './sample-order.ts';
export { readSettings, type Settings } from './settings.ts';
export { explainStartError } from './start-failure.ts';
export { stopSignal } from './stop-signal.ts';
export { type System, startSystem } from './system.ts';
export { outliveClosedOutput } from './terminal.ts';
