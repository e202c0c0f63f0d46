export type { OAuthOptions, ProviderAuth } from './auth.ts';
export type { Bounds } from './connection.ts';
export {
  connectAlone,
  type DefinedProvider,
  defineProvider,
  INSIDE,
  type OwnProvider,
  type ProviderDefinition,
} from './define-provider.ts';
export type { ErrorRules, Outcomes, ProviderError } from './errors.ts';
export { checkName } from './name.ts';
export {
  type AnyOperation,
  type Asked,
  lookUp,
  type Operation,
  operation,
  type ProviderRequest,
} from './operation.ts';
export { prefixOf } from './settings.ts';
