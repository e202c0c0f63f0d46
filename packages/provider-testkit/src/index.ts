export { connectAlone as connectProvider } from '@holdfast/project';
export { type ConformanceCase, type DescribeProviderOptions, describeProvider } from './describe-provider.ts';
export { type Answer, type FakeCall, type FakeProvider, fakeProvider, type Script } from './fake-provider.ts';
export type { ServedAnswer } from './provider-server.ts';
