import tab from '@bomb.sh/tab/commander';
import type { Commands } from './cli.ts';

/** `completion <shell>` prints a script for the shell, which asks the hidden command `complete` for what fits. */
export function addCompletionCommand({ program }: Commands): void {
  tab(program, { completionCommandName: 'completion' });
  program.commands
    .find((command) => command.name() === 'completion')
    ?.description('prints a completion script for your shell; zsh: source <(holdfast completion zsh)');
}
