import type { Flow, FlowContract } from './define-flow.ts';

/** The flows a process knows, several versions of one side by side. */
export class FlowRegistry<F extends FlowContract = Flow> {
  readonly #flows = new Map<string, Map<number, F>>();

  /** @throws TypeError when two have the same name and version. */
  constructor(flows: readonly F[]) {
    for (const flow of flows) {
      const versions = this.#flows.get(flow.name) ?? new Map<number, F>();
      if (versions.has(flow.version))
        throw new TypeError(`flow "${flow.name}" version ${flow.version} is registered twice`);
      this.#flows.set(flow.name, versions.set(flow.version, flow));
    }
  }

  names(): string[] {
    return [...this.#flows.keys()];
  }

  versions(name: string): number[] {
    return [...(this.#flows.get(name)?.keys() ?? [])];
  }

  get(name: string, version: number): F | undefined {
    return this.#flows.get(name)?.get(version);
  }

  /** The version that new runs begin with. */
  latest(name: string): F | undefined {
    return this.get(name, Math.max(...this.versions(name)));
  }
}
