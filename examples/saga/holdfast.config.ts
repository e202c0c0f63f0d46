// #region config
import { defineConfig } from 'holdfast';
import { broker, db, payments } from './connections.ts';
import { placeOrder } from './flows/place-order.ts';

export default defineConfig({ flows: [placeOrder], providers: [db, broker, payments] });
// #endregion
