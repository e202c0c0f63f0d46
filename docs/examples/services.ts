import { type LookUp, RejectedError } from '@holdfast/engine';

/** Stands for two outside services: what they did, and how often they were asked. */
export const world = {
  charges: new Map<string, number>(),
  refunds: new Set<string>(),
  labels: [] as string[],
  calls: 0,
};

export const payments = {
  async charge(amount: number, key: string): Promise<{ id: string }> {
    world.calls += 1;
    if (amount > 1_000_000)
      throw new RejectedError({ code: 'card_declined', message: 'The card was declined.' });
    world.charges.set(key, amount);
    return { id: key };
  },
  async refund(_charge: string, key: string): Promise<void> {
    world.refunds.add(key);
  },
};

export const shipping = {
  async buyLabel(address: string, reference: string): Promise<{ tracking: string }> {
    world.calls += 1;
    if (address === 'nowhere')
      throw new RejectedError({ code: 'invalid_address', message: 'No such address.' });
    world.labels.push(reference);
    return { tracking: `T-${reference}` };
  },
  async findLabel(reference: string): Promise<LookUp<{ tracking: string }>> {
    const found = world.labels.includes(reference);
    return found ? { outcome: 'found', result: { tracking: `T-${reference}` } } : { outcome: 'none' };
  },
};

export const crm = {
  loaded: [] as string[],
  async load(source: string, page: number): Promise<void> {
    this.loaded.push(`${source} ${page}`);
  },
};

export const mail = {
  sent: [] as string[],
  texts: [] as string[],
  async send(to: string, text = ''): Promise<void> {
    this.sent.push(to);
    this.texts.push(text);
  },
};
