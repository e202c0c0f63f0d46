export { buildDashboard, type DashboardParts } from './app.ts';
export { type DashboardConfig, readDashboardConfig } from './config.ts';
export { hashPassword } from './logins.ts';
export { runDashboard } from './run.ts';
export {
  type ConnectedDashboard,
  connectDashboard,
  type RunningDashboard,
  startDashboard,
} from './server.ts';
