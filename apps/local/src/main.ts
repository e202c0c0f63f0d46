#!/usr/bin/env node
import { runMain } from '@holdfast/app-kit';
import { runLocal } from './run.ts';

runMain(() => runLocal(process.argv.slice(2), { watch: false }));
