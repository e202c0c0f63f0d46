export * from '@holdfast/provider-testkit';
export * from '@holdfast/testkit';
