import { readFileSync } from 'node:fs';
import { OperatorError } from '@holdfast/app-kit';
import { ChildStartError } from './child.ts';

const LAST_LINES = 12;

/** A child that could not be started has said why in its log: shows the end of it. Anything else is returned as it is. */
export function explainStartError(error: unknown): unknown {
  if (!(error instanceof ChildStartError)) return error;
  const { name, logFile } = error.child;
  const lines = readFileSync(logFile, 'utf8').trimEnd().split('\n').slice(-LAST_LINES);
  const said = lines.map((line) => `  ${line}`).join('\n');
  return new OperatorError(`Could not start ${name}: ${error.reason}. The end of ${logFile}:\n${said}`, {
    cause: error,
  });
}
