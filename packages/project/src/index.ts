export { type AesGcmOptions, aesGcm } from './aes-gcm.ts';
export type { Authenticate, Caller } from './authenticate.ts';
export { checkCodec } from './check-codec.ts';
export { type Checked, type ConfigChecker, configChecker } from './config-checker.ts';
export { type ConnectedLater, connectedLater } from './connected-later.ts';
export { Connector, type ConnectorPlan } from './connector.ts';
export { type ConfigSchedule, defineConfig, type HoldfastConfig, latestOf } from './define-config.ts';
export {
  type AnyOperation,
  type Asked,
  type Bounds,
  connectAlone,
  type DefinedProvider,
  defineProvider,
  type ErrorRules,
  INSIDE,
  lookUp,
  type OAuthOptions,
  type Operation,
  type Outcomes,
  type OwnProvider,
  operation,
  type ProviderAuth,
  type ProviderDefinition,
  type ProviderError,
  type ProviderRequest,
  prefixOf,
} from './define-provider/index.ts';
export { findConfig, loadConfig } from './load-config.ts';
export { type Connect, type Connected, type Provider, provider } from './provider.ts';
export type { AcceptOptions, Routes, SubmitExamples } from './routes.ts';
