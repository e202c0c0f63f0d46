export * from '@holdfast/testkit';
