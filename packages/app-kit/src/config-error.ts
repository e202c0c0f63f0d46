/** The environment does not fit. Carries every fault at once, each with its variable's name. */
export class ConfigError extends Error {
  readonly code = 'config_invalid';
  constructor(readonly faults: readonly { readonly variable: string; readonly message: string }[]) {
    super(`The environment is not valid:\n${faults.map((f) => `  ${f.variable}: ${f.message}`).join('\n')}`);
    this.name = 'ConfigError';
  }
}
