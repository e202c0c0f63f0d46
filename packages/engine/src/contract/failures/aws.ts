import { MisconfiguredError, ThrottledError } from '../errors.ts';
import { failureOfStatus, retryAfterMs } from './http-status.ts';
import { networkFailure } from './network.ts';
import { faultOf, type HoldfastFailure, member, number, text } from './shape.ts';

const THROTTLED = new Set([
  'BandwidthLimitExceeded',
  'LimitExceededException',
  'PriorRequestNotComplete',
  'ProvisionedThroughputExceededException',
  'RequestLimitExceeded',
  'RequestThrottled',
  'RequestThrottledException',
  'SlowDown',
  'Throttling',
  'ThrottledException',
  'ThrottlingException',
  'TooManyRequestsException',
]);

const MISCONFIGURED = new Set([
  'AccessDenied',
  'AccessDeniedException',
  'AuthFailure',
  'ExpiredToken',
  'ExpiredTokenException',
  'IncompleteSignature',
  'InvalidAccessKeyId',
  'InvalidClientTokenId',
  'InvalidSignatureException',
  'MissingAuthenticationToken',
  'OptInRequired',
  'RequestTimeTooSkewed',
  'SignatureDoesNotMatch',
  'UnauthorizedOperation',
  'UnrecognizedClientException',
]);

/** AWS SDK v3: an error with `$metadata`, by its name, then by the status. Without an answer, by the network's code. */
export function awsFailure(error: object): HoldfastFailure | undefined {
  const name = text(error, 'name') ?? '';
  if (name === 'CredentialsProviderError' || name === 'TokenProviderError')
    return new MisconfiguredError(faultOf(error, 'aws_credentials_missing', 'AWS'));
  const metadata = member(error, '$metadata');
  if (typeof metadata !== 'object' || metadata === null) return undefined;
  const status = number(metadata, 'httpStatusCode');
  if (status === undefined) return networkFailure(error, (number(metadata, 'attempts') ?? 1) > 1);
  const requestId = text(metadata, 'requestId');
  const fault = faultOf(error, name || `http_${status}`, 'AWS', { status, ...(requestId && { requestId }) });
  const delay = retryAfterMs(text(member(member(error, '$response'), 'headers'), 'retry-after'));
  if (THROTTLED.has(name))
    return new ThrottledError({ ...fault, ...(delay !== undefined && { retryAfter: delay }) });
  if (MISCONFIGURED.has(name)) return new MisconfiguredError(fault);
  return failureOfStatus(status, fault, delay);
}
