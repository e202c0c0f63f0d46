/** A URL, or an address behind it, that outgoing requests must not reach. Trying again does not help while both stay as they are. */
export class EndpointRefusedError extends Error {
  override readonly name = 'EndpointRefusedError';
  readonly code = 'webhook_url_refused';
}
