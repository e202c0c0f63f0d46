import type { Command } from 'commander';

/** The command was not understood: nothing was asked and nothing was done. Exit code 2. */
export class UsageError extends Error {
  readonly code = 'usage';

  constructor(message: string) {
    super(message);
    this.name = 'UsageError';
  }
}

/** What was asked for does not apply, as things stand: nothing was done. Exit code 3. */
export class NothingToDoError extends Error {
  readonly code = 'nothing_to_do';

  constructor(message: string) {
    super(message);
    this.name = 'NothingToDoError';
  }
}

/** After a command that was not understood, its own help is named. */
export function hintAtHelp(command: Command): void {
  command.showHelpAfterError(`Run \`${nameOf(command)} --help\` for usage.`);
  for (const each of command.commands) hintAtHelp(each);
}

function nameOf(command: Command): string {
  return command.parent ? `${nameOf(command.parent)} ${command.name()}` : command.name();
}
