import { readFileSync } from 'node:fs';
import { ConfigError, OperatorError } from '@holdfast/app-kit';
import { Command, CommanderError } from 'commander';
import { z } from 'zod';
import { ApiError } from './api.ts';
import { addAuditCommand } from './audit.ts';
import { addCompletionCommand } from './completion.ts';
import { addDeadLetterCommands } from './dead-letters.ts';
import { addDebugCommand } from './debug.ts';
import { addDoctorCommand } from './doctor.ts';
import { addFlowCommands } from './flows.ts';
import { addHashPasswordCommand } from './hash-password.ts';
import { addInitCommand } from './init/init.ts';
import type { Io } from './io.ts';
import { addKeyCommands } from './keys.ts';
import { addProvidersCommand } from './providers.ts';
import { addReplayCommand } from './replay.ts';
import { addRunCommands } from './runs.ts';
import { addScheduleCommands } from './schedules.ts';
import { addStateCommands } from './state.ts';
import { addSubmitCommands } from './submit.ts';
import { addProcessCommands } from './system-processes.ts';
import { addTenantCommands } from './tenants.ts';
import { hintAtHelp, NothingToDoError, UsageError } from './usage.ts';
import { addWebhookCommands } from './webhooks.ts';

const Package = z.object({ version: z.string() });

/** How a command adds itself to the program, and says how it ended. */
export interface Commands {
  readonly program: Command;
  readonly io: Io;
  /** @param code 0 when all is well, 1 when it is not */
  readonly ends: (code: 0 | 1) => void;
}

/**
 * Runs one command.
 * @param args without the program's own name
 * @returns the exit code: 0; 1 when something is wrong, 2 when the command could not be understood, 3 when there was nothing to do
 */
export async function runCli(args: readonly string[], io: Io): Promise<number> {
  let exitCode: number = 0;
  const program = new Command('holdfast')
    .description('Operates a Holdfast system. Every command has --json, and --help lists its options.')
    .option('--verbose', 'show the stack of an error')
    .version(version(), '-V, --version', 'print the version')
    .exitOverride()
    .configureOutput({ writeOut: io.out, writeErr: io.err });
  const commands: Commands = {
    program,
    io,
    ends: (code) => {
      exitCode = code;
    },
  };
  addDoctorCommand(commands);
  addReplayCommand(commands);
  addDebugCommand(commands);
  addRunCommands(commands);
  addSubmitCommands(commands);
  addDeadLetterCommands(commands);
  addKeyCommands(commands);
  addFlowCommands(commands);
  addTenantCommands(commands);
  addWebhookCommands(commands);
  addStateCommands(commands);
  addScheduleCommands(commands);
  // knows the commands that were added before it
  addCompletionCommand(commands);
  addProvidersCommand(commands);
  addAuditCommand(commands);
  addProcessCommands(commands);
  addInitCommand(commands, version());
  addHashPasswordCommand(commands);
  hintAtHelp(program);
  try {
    await program.parseAsync(args, { from: 'user' });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    const json = args.includes('--json');
    if (json) io.out(`${JSON.stringify({ error: describe(error) }, null, 2)}\n`);
    else io.err(`${explain(error, program.opts<{ verbose?: true }>().verbose === true)}\n`);
    return error instanceof UsageError ? 2 : error instanceof NothingToDoError ? 3 : 1;
  }
}

function version(): string {
  return Package.parse(JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))).version;
}

function explain(error: unknown, verbose: boolean): string {
  if (verbose && error instanceof Error) return error.stack ?? error.message;
  const { message } = describe(error);
  return isKnown(error)
    ? message
    : `${message}\nUnexpected error. Run it again as 'holdfast --verbose <command>' for the stack.`;
}

function describe(error: unknown): { readonly code: string; readonly message: string } {
  const message = error instanceof Error ? error.message : String(error);
  return { code: isKnown(error) ? error.code : 'unexpected', message };
}

function isKnown(
  error: unknown,
): error is OperatorError | ConfigError | ApiError | UsageError | NothingToDoError {
  const known = [OperatorError, ConfigError, ApiError, UsageError, NothingToDoError];
  return known.some((each) => error instanceof each);
}
