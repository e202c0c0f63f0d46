import type { LookUp, StepCall } from '@holdfast/engine';
import type { Payments } from '../payments.ts';
import type { Address, Item } from './schema.ts';

/** A reservation's id is `call.reference`, so a repeat of either call is safe. */
export interface Inventory {
  reserve(
    request: { readonly items: readonly Pick<Item, 'sku' | 'quantity'>[] },
    call: StepCall,
  ): Promise<{ readonly reservationId: string }>;
  release(request: { readonly reservationId: string }, call: StepCall): Promise<void>;
}

export interface Label {
  readonly labelId: string;
  readonly trackingNumber: string;
  readonly labelUrl: string;
}

/** Buying is not idempotent at the provider: in doubt, look the label up by `call.reference`. */
export interface Shipping {
  buyLabel(
    request: { readonly to: Address; readonly items: readonly Pick<Item, 'sku' | 'quantity'>[] },
    call: StepCall,
  ): Promise<Label>;
  findLabel(call: StepCall): Promise<LookUp<Label>>;
  voidLabel(request: { readonly labelId: string }, call: StepCall): Promise<void>;
}

export interface Email {
  /** The Message-ID is derived from `call.reference`: the same on every attempt. */
  send(
    message: { readonly to: string; readonly subject: string; readonly text: string },
    call: StepCall,
  ): Promise<{ readonly messageId: string }>;
}

export interface OrderPorts {
  readonly payments: Payments;
  readonly inventory: Inventory;
  readonly shipping: Shipping;
  readonly email: Email;
}
