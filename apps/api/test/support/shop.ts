import { ALL_CONTRACTS } from '@holdfast/flows';
import { type Accepted, shopEvents, shopRoutes } from '../../src/index.ts';

/** What the API of the repository's own config accepts. */
export const SHOP: Accepted = { flows: ALL_CONTRACTS, routes: [shopRoutes], events: shopEvents };
