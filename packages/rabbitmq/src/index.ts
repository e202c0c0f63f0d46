export {
  type Consumer,
  type ConsumerOptions,
  type IncomingMessage,
  type RunRequest,
  startConsumer,
} from './consumer.ts';
export type { OutgoingMessage } from './message.ts';
export {
  connectRabbitmq,
  type PublishOptions,
  type Rabbitmq,
  type RabbitmqOptions,
  rabbitmq,
} from './rabbitmq.ts';
