#!/usr/bin/env node
try {
  await import('@holdfast/cli/main');
} catch (error) {
  if (error.code !== 'ERR_MODULE_NOT_FOUND' || !error.message.includes('/dist/')) throw error;
  console.error('Holdfast is not built yet. Run `npm run build`, or `npm start`, which builds it too.');
  process.exit(1);
}
