export { type Api, type ApiParts, buildApi } from './app.ts';
export { type ApiConfig, readApiConfig } from './config.ts';
export { runApi } from './run.ts';
export { type Accepted, type ConnectedApi, connectApi, type RunningApi, startApi } from './server.ts';
export { shopEvents } from './shop-events.ts';
export { shopRoutes } from './shop-routes.ts';
