// What `npm start` runs here. Name another file by HOLDFAST_CONFIG.
export { default } from './examples/shop/holdfast.config.ts';
