import type { ChildPlan } from './protocol.ts';

/** Answers the parent's orders, one after the other, until the parent is gone. */
export function serve<Order, Report>(handle: (order: Order) => Promise<Report>): void {
  process.on('message', (order: Order) => {
    handle(order).then(
      (report) => process.send?.({ report }),
      (error: unknown) => process.send?.({ error: error instanceof Error ? error.stack : String(error) }),
    );
  });
  process.on('disconnect', () => process.exit(0));
  // the parent may be gone before anybody listened
  if (!process.connected) process.exit(0);
}

export function readPlan(): ChildPlan {
  return JSON.parse(process.argv[2] ?? '') as ChildPlan;
}
