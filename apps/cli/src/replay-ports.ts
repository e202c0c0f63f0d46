import type { OrderPorts } from '@holdfast/flows';

/** Ports for flows that only play back what is recorded: whoever calls a provider all the same is told so. */
export function uncallablePorts(): OrderPorts {
  const refuse = async (): Promise<never> => {
    throw new TypeError('the flow called a provider outside of a step');
  };
  return {
    payments: {
      ...{ charge: refuse, readCharge: refuse, takeBack: refuse },
      ...{ refund: refuse, readRefund: refuse, endRefund: refuse },
      v1: { charge: refuse, refund: refuse },
    },
    inventory: { reserve: refuse, release: refuse },
    shipping: { buyLabel: refuse, findLabel: refuse, voidLabel: refuse },
    email: { send: refuse },
  };
}
